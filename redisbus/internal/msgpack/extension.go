package msgpack

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/tinylib/msgp/msgp"
)

const (
	timestamp = -1 // the type of timestamps
	legacy    = 0  // the type by which old versions of notepack.io wrote ArrayBuffer and Date
)

// extension appends an extension: a timestamp, a form of old versions of notepack.io, or null.
func (d *decoder) extension(b []byte) (rest []byte, err error) {
	if rest, err = msgp.Skip(b); err != nil { // an extension has no elements, so Skip does not recurse
		return nil, ErrMalformed
	}
	kind, data, fixed := splitExtension(b[:len(b)-len(rest)])
	switch {
	case kind == timestamp:
		if t, _, err := msgp.ReadTimeBytes(b); err == nil {
			d.text = appendTime(d.text, t)
			return rest, nil
		}
	case kind == legacy && !fixed:
		d.binary(data)
		return rest, nil
	case kind == legacy && len(data) == 8:
		d.text = appendTime(d.text, time.UnixMilli(int64(binary.BigEndian.Uint64(data))))
		return rest, nil
	}
	d.text = append(d.text, "null"...)
	return rest, nil
}

// splitExtension returns the type and the data of an extension, and whether its first byte says
// how long it is.
func splitExtension(b []byte) (kind int8, data []byte, fixed bool) {
	head := 2
	switch b[0] {
	case 0xc7:
		head = 3
	case 0xc8:
		head = 4
	case 0xc9:
		head = 6
	default:
		fixed = true
	}
	return int8(b[head-1]), b[head:], fixed
}

// lastMillisecond bounds the times of JavaScript's Date.
const lastMillisecond = 8_640_000_000_000_000

// appendTime appends what JSON.stringify writes for a Date: milliseconds, and a year of four or
// six digits.
func appendTime(text []byte, t time.Time) []byte {
	if s := t.Unix(); s > lastMillisecond/1000 || s < -lastMillisecond/1000 {
		return append(text, "null"...)
	}
	milliseconds := t.UnixMilli()
	if milliseconds < 0 && t.Nanosecond()%1e6 != 0 {
		milliseconds++ // Date truncates towards zero
	}
	if milliseconds > lastMillisecond {
		return append(text, "null"...)
	}
	t = time.UnixMilli(milliseconds).UTC()
	text = append(text, '"')
	switch year := t.Year(); {
	case year >= 0 && year <= 9999:
		text = t.AppendFormat(text, "2006")
	default:
		text = fmt.Appendf(text, "%+07d", year)
	}
	return t.AppendFormat(text, `-01-02T15:04:05.000Z"`)
}

func appendBase64(text, data []byte) []byte {
	text = append(text, '"')
	text = base64.StdEncoding.AppendEncode(text, data)
	return append(text, '"')
}
