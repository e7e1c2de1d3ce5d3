package replay

import (
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
)

// OffsetSize is the length of an offset.
const OffsetSize = 22

// offset is what an offset means. It is encrypted with a key of the log, so that peers cannot
// count the events that others receive, and so that a text which is not an offset of this
// namespace is recognized.
type offset struct {
	// event is the number of an event of the log. For an event of one session it is the
	// session's serial number.
	event uint64
	// extra is zero for an event of the log. Otherwise it counts the extras of the session.
	extra uint64
}

// check is the part of an encrypted offset that must be zero.
const check = 0xffff_ffff << 32

// seal writes an offset into slot.
func seal(block cipher.Block, slot []byte, o offset) {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], o.event)
	binary.BigEndian.PutUint64(b[8:], o.extra)
	block.Encrypt(b[:], b[:])
	base64.RawURLEncoding.Encode(slot, b[:])
}

// open reads an offset. It reports false for any other text.
func open(block cipher.Block, text string) (o offset, ok bool) {
	var b [18]byte
	if len(text) != OffsetSize {
		return o, false
	}
	if n, err := base64.RawURLEncoding.Strict().Decode(b[:], []byte(text)); err != nil || n != 16 {
		return o, false
	}
	block.Decrypt(b[:16], b[:16])
	o = offset{binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:])}
	return o, o.extra&check == 0
}
