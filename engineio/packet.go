package engineio

// packetType is the first byte of an Engine.IO packet in its text form
// (Engine.IO protocol 4, "Protocol").
type packetType byte

const (
	packetOpen    packetType = '0'
	packetClose   packetType = '1'
	packetPing    packetType = '2'
	packetPong    packetType = '3'
	packetMessage packetType = '4'
	packetUpgrade packetType = '5'
	packetNoop    packetType = '6'
)

// packet is one packet as it came in. Its data belongs to the buffer it was
// read from.
type packet struct {
	kind   packetType
	binary bool // only messages are ever binary
	data   []byte
}

// parsePacket takes a packet in its text form apart. It reports false for
// what is no packet of this protocol: nothing at all, or an unknown type.
func parsePacket(text []byte) (packet, bool) {
	if len(text) == 0 {
		return packet{}, false
	}
	kind := packetType(text[0])
	if kind < packetOpen || kind > packetNoop {
		return packet{}, false
	}
	return packet{kind: kind, data: text[1:]}, true
}

// The packets that the server sends in every session, encoded once for all of
// them.
var (
	closePacket = controlPacket(packetClose, "")
	pingPacket  = controlPacket(packetPing, "")
	pongPacket  = controlPacket(packetPong, "")
	noopPacket  = controlPacket(packetNoop, "")
	probeAnswer = controlPacket(packetPong, probe)
)

// probe is what ping and pong carry while an upgrade is tried (Engine.IO
// protocol 4, "Upgrade").
const probe = "probe"
