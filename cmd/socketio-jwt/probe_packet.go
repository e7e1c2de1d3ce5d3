package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"socketiojwt/internal/wirejson"
)

// The Socket.IO packet types that decide.
const (
	packetConnect      = '0'
	packetDisconnect   = '1'
	packetEvent        = '2'
	packetAck          = '3'
	packetConnectError = '4'
)

// socketPacket is a Socket.IO packet without attachments.
type socketPacket struct {
	kind      byte
	namespace string
	id        string
	data      string
}

// readPacket reads "type[/namespace,][ack id][JSON]". Packets with attachments
// decide nothing, and are not read.
func readPacket(text string) (socketPacket, bool) {
	if text == "" || text[0] < packetConnect || text[0] > packetConnectError {
		return socketPacket{}, false
	}
	p := socketPacket{kind: text[0], namespace: "/"}
	rest := text[1:]
	if strings.HasPrefix(rest, "/") {
		p.namespace, rest, _ = strings.Cut(rest, ",")
	}
	p.data = strings.TrimLeft(rest, "0123456789")
	p.id = strings.TrimSuffix(rest, p.data)
	return p, true
}

// event returns the name of an event and its first argument.
func (p socketPacket) event() (name, first string) {
	var args []json.RawMessage
	if wirejson.Unmarshal([]byte(p.data), &args) != nil || len(args) == 0 || wirejson.Unmarshal(args[0], &name) != nil {
		return "", ""
	}
	if len(args) > 1 {
		first = string(args[1])
	}
	return name, first
}

// refusal is what a server says of it, in the shape of CONNECT_ERROR and of
// "unauthorized".
type refusal struct {
	Message string `json:"message"`
	Data    struct {
		Code   string `json:"code"`
		Reason string `json:"reason"`
		ID     string `json:"id"`
	} `json:"data"`
}

func readRefusal(data string) *refusal {
	r := new(refusal)
	if err := wirejson.Unmarshal([]byte(data), r); err != nil && r.Message == "" {
		r.Message = "an answer that cannot be read"
	}
	return r
}

// words puts the refusal into a sentence.
func (r *refusal) words(who string) string {
	text := fmt.Sprintf("REFUSED: %s: %s.", who, r.Message)
	for _, part := range []struct{ name, value string }{{"code", r.Data.Code}, {"reason", r.Data.Reason}, {"id in the server's log", r.Data.ID}} {
		if part.value != "" {
			text += fmt.Sprintf(" %s: %s.", part.name, part.value)
		}
	}
	return text
}
