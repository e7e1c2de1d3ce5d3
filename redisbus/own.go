package redisbus

import (
	"crypto/subtle"
	"encoding/json"
	"errors"

	"socketiojwt/internal/mac"
	"socketiojwt/socketio"
)

// Messages that only nodes of this module understand go over channels on which Node's adapters
// do not listen:
//
//	PREFIX-go#        all our nodes
//	PREFIX-go#ID#     one of them
//
// A message is the version, a letter that says what it is, JSON, and 16 bytes of an HMAC of all
// that and the channel if Options.Key is set.

const ownVersion = '1'

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
	all  string   // the channel of all our nodes
	mine string   // the channel of this node
	key  *mac.Key // nil without Options.Key
}

func newOwnCodec(o *Options, id socketio.NodeID) ownCodec {
	c := ownCodec{all: o.Prefix + "-go#"}
	c.mine = c.to(id)
	if len(o.Key) > 0 {
		c.key = mac.New(o.Key)
	}
	return c
}

// to returns the channel of one of our nodes.
func (c ownCodec) to(id socketio.NodeID) string { return c.all + string(id) + "#" }

// encode writes a message for a channel.
func (c ownCodec) encode(channel string, what byte, body any) (parcel, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return parcel{}, err
	}
	payload := append([]byte{ownVersion, what}, text...)
	if c.key != nil {
		sum := c.key.Sum(payload, channel)
		payload = append(payload, sum[:ownMAC]...)
	}
	return parcel{channel: channel, payload: payload}, nil
}

// decode returns what a message is, and its JSON.
func (c ownCodec) decode(channel, payload string) (what byte, text []byte, err error) {
	data := []byte(payload)
	if c.key != nil {
		n := len(data) - ownMAC
		if n < 0 {
			return 0, nil, errForged
		}
		sum := c.key.Sum(data[:n], channel)
		if subtle.ConstantTimeCompare(sum[:ownMAC], data[n:]) != 1 {
			return 0, nil, errForged
		}
		data = data[:n]
	}
	if len(data) < 2 || data[0] != ownVersion {
		return 0, nil, errForged
	}
	return data[1], data[2:], nil
}
