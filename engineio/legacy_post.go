package engineio

import (
	"bytes"
	"errors"
	"unicode/utf8"
)

// legacyPayload delivers the packets of a payload of revision 3. What follows a packet
// that is too long is discarded.
func (b *postReader) legacyPayload(c legacy) error {
	room := b.session.room()
	for !b.ended && len(b.kept) <= room {
		if err := b.fill(room + 1); err != nil {
			return err
		}
	}
	cut := len(b.kept) > room
	err := b.session.asReader(func() error { return b.deliverLegacy(c, cut) })
	if err != nil || !cut {
		return err
	}
	for b.kept = nil; !b.ended; {
		if err := b.fill(maxHead); err != nil {
			return err
		}
		if !b.session.discards(int64(len(b.kept))) {
			return b.tooLong()
		}
		b.kept = b.kept[:0]
	}
	return nil
}

// deliverLegacy delivers the packets in what is kept of a payload of revision 3. If cut
// is true, that is only its beginning.
func (b *postReader) deliverLegacy(c legacy, cut bool) error {
	s, payload := b.session, b.kept
	if !cut {
		return c.readPayload(payload, b.binary, s.srv.opts.MaxPackets, s.receiveInTurns())
	}
	if c.callback != "" {
		var err error
		if payload, err = formPayload(trimForm(payload)); err != nil {
			return err
		}
	}
	if !b.binary {
		payload = wholeRunes(payload)
	}
	head, err := readCutPayload(payload, b.binary, s.srv.opts.MaxPackets, s.receiveInTurns())
	if err == nil && !s.deliverHead(head) {
		err = b.tooLong()
	}
	return err
}

// readCutPayload is readLegacyPayload for a payload whose end is missing. It returns the
// head of the packet that was cut.
func readCutPayload(payload []byte, binary bool, limit int, receive func(packet) error) (packet, error) {
	next := nextInText
	if binary {
		next = nextInBytes
	}
	if !binary && !utf8.Valid(payload) {
		return packet{}, errPacket
	}
	for n := 0; len(payload) > 0; n++ {
		if n == limit {
			return packet{}, errTooManyPackets
		}
		p, rest, err := next(payload)
		if errors.Is(err, errIncomplete) {
			return parseCutPacket(payload, binary)
		}
		if err == nil {
			err = receive(p)
		}
		if err != nil {
			return packet{}, err
		}
		payload = rest
	}
	return packet{}, errPacket // cut between two packets: what follows is unknown
}

// parseCutPacket parses the head of a packet that has its length before it.
func parseCutPacket(payload []byte, binary bool) (packet, error) {
	if !binary {
		_, text, _ := bytes.Cut(payload, []byte{':'})
		return parseHead(legacy{}, textFrame, decodedOnce(text[:min(len(text), maxHead)]))
	}
	_, data, _ := bytes.Cut(payload[1:], []byte{endOfLength})
	kind := textFrame
	if payload[0] == binaryPacket {
		kind = binaryFrame
	}
	return parseHead(legacy{}, kind, data[:min(len(data), maxHead)])
}
