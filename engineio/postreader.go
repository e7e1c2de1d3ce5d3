package engineio

import (
	"bytes"
	"io"
	"net/http"
	"unicode/utf8"

	"socketiojwt/internal/turns"
)

// postReader reads the body of a POST and keeps at most the session's room of it at a time.
type postReader struct {
	session *Session
	from    io.Reader
	kept    []byte
	ended   bool // from has ended
	turn    turns.Turn
	frugal  bool // the session was new when the request came
	binary  bool // the request's media type is application/octet-stream
}

// fill reads more into kept, up to limit bytes in all.
func (b *postReader) fill(limit int) error {
	var chunk [2 << 10]byte
	n, err := b.from.Read(chunk[:max(0, min(len(chunk), limit-len(b.kept)))])
	b.kept = extend(b.kept, chunk[:n], limit)
	b.session.srv.figures.receivedBytes.Add(uint64(n))
	if err == io.EOF {
		b.ended, err = true, nil
	}
	return err
}

// tooLong returns the error for a packet whose head the Conn refuses.
func (b *postReader) tooLong() error { return &http.MaxBytesError{Limit: int64(b.session.room())} }

// packets delivers the packets of a payload of revision 4, one after the other.
func (b *postReader) packets() error {
	for n, searched := 0, 0; ; {
		end := bytes.IndexByte(b.kept[searched:], separator)
		switch room := b.session.room(); {
		case end < 0 && !b.ended && len(b.kept) < room:
			searched = len(b.kept)
			if err := b.fill(room); err != nil {
				return err
			}
			continue
		case n == b.session.srv.opts.MaxPackets:
			return errTooManyPackets
		case end < 0 && !b.ended:
			more, err := b.long()
			if err != nil || !more {
				return err
			}
		case end < 0:
			return b.deliver(b.kept)
		default:
			end += searched
			if err := b.deliver(b.kept[:end]); err != nil {
				return err
			}
			b.kept = b.kept[end+1:]
		}
		n, searched = n+1, 0
	}
}

// deliver delivers one packet.
func (b *postReader) deliver(text []byte) error {
	b.turn.Step()
	if err := b.session.pace(int64(len(text)) + 1); err != nil {
		return err
	}
	return b.session.asReader(func() error {
		if !utf8.Valid(text) {
			return errPacket
		}
		p, err := parsePayloadPacket(text)
		if err != nil {
			return err
		}
		return b.session.receive(p)
	})
}

// long delivers the head of a packet that is too long, discards the rest of it, and reports
// whether another packet follows.
func (b *postReader) long() (more bool, err error) {
	err = b.session.asReader(func() error {
		p, err := parseHead(codec4{}, textFrame, b.kept[:min(len(b.kept), maxHead)])
		switch {
		case err != nil:
			return errPacket
		case !b.session.deliverHead(p):
			return b.tooLong()
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	b.kept = nil
	for !b.ended {
		if err := b.fill(maxHead); err != nil {
			return false, err
		}
		if end := bytes.IndexByte(b.kept, separator); end >= 0 {
			b.kept = b.kept[end+1:]
			return true, nil
		}
		if !b.session.discards(int64(len(b.kept))) {
			return false, b.tooLong()
		}
		b.kept = b.kept[:0]
	}
	return false, nil
}
