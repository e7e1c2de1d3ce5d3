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

// packet is a packet from the peer. Its data is part of the buffer that it was read into.
type packet struct {
	kind   packetType
	binary bool // only messages can be binary
	owned  bool // the buffer is not used again
	data   []byte
}

// parsePacket parses a packet in its text form. It reports false if text is empty or has
// an unknown type.
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

// The packets that the server sends in every session, encoded once.
var (
	closePacket = controlPacket(packetClose, "")
	pingPacket  = controlPacket(packetPing, "")
	pongPacket  = controlPacket(packetPong, "")
	noopPacket  = controlPacket(packetNoop, "")
	probeAnswer = controlPacket(packetPong, probe)
)

// probe is the data of ping and pong during an upgrade (Engine.IO protocol 4, "Upgrade").
const probe = "probe"
