package redisbus

import (
	"crypto/subtle"
	"encoding/binary"
	"encoding/json"
	"errors"
	"sync/atomic"
	"time"

	"socketiojwt/internal/mac"
	"socketiojwt/socketio"
)

// Messages that only nodes of this module understand go over channels on which Node's adapters
// do not listen:
//
//	PREFIX-go#        all our nodes
//	PREFIX-go#ID#     one of them
//
// Without Options.Key, a message is version 1, a letter that says what it is, and JSON. With the
// key, it is version 2, the letter, a stamp, the JSON, and 16 bytes of an HMAC of all that and of the
// channel. A stamp is the length of the sender's ID, the ID, and three numbers of 8 bytes: see stamp.

const (
	ownVersion   = '1'
	ownStamped   = '2'
	stampNumbers = 3 * 8 // bytes
)

// What a message of our own nodes is.
const (
	ownHello   = 'h' // a node has come; others answer with a beat to its own channel
	ownBeat    = 'b' // a node is there
	ownBye     = 'q' // a node leaves
	ownMessage = 'm' // a socketio.Message, with its From
)

const ownMAC = 16 // bytes

var errForged = errors.New("message of our own nodes with another version, or not authenticated by Options.Key")

// ownCodec writes and reads messages of our own nodes.
type ownCodec struct {
	all  string // the channel of all our nodes
	mine string // the channel of this node
	id   socketio.NodeID
	key  *mac.Key // nil without Options.Key
	used [classes]atomic.Uint64
}

// own is a message of our own nodes.
type own struct {
	what  byte
	stamp stamp // zero without Options.Key
	text  []byte
}

func newOwnCodec(o *Options, id socketio.NodeID) *ownCodec {
	c := &ownCodec{all: o.Prefix + "-go#", id: id}
	c.mine = c.to(id)
	if len(o.Key) > 0 {
		c.key = mac.New(o.Key)
	}
	return c
}

// to returns the channel of one of our nodes.
func (c *ownCodec) to(id socketio.NodeID) string { return c.all + string(id) + "#" }

// encode writes a message for a channel.
func (c *ownCodec) encode(channel string, what byte, body any) (parcel, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return parcel{}, err
	}
	if c.key == nil {
		return parcel{channel: channel, payload: append([]byte{ownVersion, what}, text...)}, nil
	}
	payload := make([]byte, 0, 3+len(c.id)+stampNumbers+len(text)+ownMAC)
	payload = append(payload, ownStamped, what, byte(len(c.id)))
	payload = append(payload, c.id...)
	class := classOf(what)
	for i := range c.used {
		used := c.used[i].Load()
		if i == class {
			used = c.used[i].Add(1)
		}
		payload = binary.BigEndian.AppendUint64(payload, used)
	}
	payload = binary.BigEndian.AppendUint64(payload, uint64(time.Now().UnixMilli()))
	payload = append(payload, text...)
	sum := c.key.Sum(payload, channel)
	return parcel{channel: channel, payload: append(payload, sum[:ownMAC]...)}, nil
}

// decode reads a message.
func (c *ownCodec) decode(channel, payload string) (m own, err error) {
	data := []byte(payload)
	if c.key == nil {
		if len(data) < 2 || data[0] != ownVersion {
			return m, errForged
		}
		return own{what: data[1], text: data[2:]}, nil
	}
	n := len(data) - ownMAC
	if n < 3 {
		return m, errForged
	}
	sum := c.key.Sum(data[:n], channel)
	if subtle.ConstantTimeCompare(sum[:ownMAC], data[n:]) != 1 || data[0] != ownStamped {
		return m, errForged
	}
	m.what, data = data[1], data[2:n]
	length := int(data[0])
	if data = data[1:]; len(data) < length+stampNumbers {
		return m, errForged
	}
	m.stamp.from, data = socketio.NodeID(data[:length]), data[length:]
	for i := range m.stamp.used {
		m.stamp.used[i], data = binary.BigEndian.Uint64(data), data[8:]
	}
	m.stamp.at, m.text = binary.BigEndian.Uint64(data), data[8:]
	return m, nil
}
