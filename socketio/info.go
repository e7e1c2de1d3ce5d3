package socketio

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"socketiojwt/internal/wirejson"
)

// SocketInfo describes a socket that may be on another node.
type SocketInfo struct {
	// ID is the socket's id.
	ID string
	// Node is the node of the socket. It is empty for this node, and may be UnnamedNode.
	Node NodeID `json:",omitempty"`
	// Rooms are the rooms that the socket is in, including the room of its own id.
	Rooms []string
	// Handshake describes how the socket connected.
	Handshake HandshakeInfo
	// Data is a JSON object with the values of the socket's shared keys, by name. Nil means an
	// empty object. See NewSharedKey and Key.Shared.
	Data json.RawMessage `json:",omitempty"`
}

// HandshakeInfo is the part of a Handshake that other nodes may see. It has no auth payload, no
// headers and no query, because those can hold tokens.
type HandshakeInfo struct {
	RemoteAddr string    `json:",omitempty"`
	Origin     string    `json:",omitempty"`
	Host       string    `json:",omitempty"`
	Path       string    `json:",omitempty"`
	TLS        bool      `json:",omitempty"`
	Protocol   int       `json:",omitempty"`
	Time       time.Time `json:",omitzero"`
}

// info describes a socket that is in these rooms.
func (s *Socket) info(rooms []string) SocketInfo {
	s.conn.mu.Lock()
	h := s.conn.first.public(s.conn.session)
	s.conn.mu.Unlock()
	return SocketInfo{ID: s.ID(), Rooms: rooms, Handshake: h.info(), Data: s.sharedData()}
}

func (h *Handshake) info() HandshakeInfo {
	return HandshakeInfo{RemoteAddr: h.RemoteAddr, Origin: h.Origin, Host: h.Host, Path: h.Path, TLS: h.TLS, Protocol: h.Protocol, Time: h.Time}
}

func encodeShared(value any) (encoded []byte, err error) {
	defer caught(&err) // encoding may run code of the program
	return wirejson.Stringify(value)
}

// sharedData encodes the values of the socket's shared keys. A value that cannot be encoded is
// left out.
func (s *Socket) sharedData() json.RawMessage {
	s.mu.Lock()
	var shared []contextValue
	for _, v := range s.values {
		if k, ok := v.key.(interface{ sharedName() string }); ok && k.sharedName() != "" {
			shared = append(shared, contextValue{k.sharedName(), v.value})
		}
	}
	s.mu.Unlock()
	if len(shared) == 0 {
		return nil
	}
	data := []byte{'{'}
	for _, v := range shared {
		name := v.key.(string)
		encoded, err := encodeShared(v.value)
		if err != nil {
			s.logSampled(context.Background(), slog.LevelWarn, "shared key "+name, "socketio: value of a shared key cannot be encoded", "key", name, "error", err)
			continue
		}
		if len(data) > 1 {
			data = append(data, ',')
		}
		if data, err = wirejson.AppendQuote(data, name); err != nil {
			return nil // impossible, because NewSharedKey checks the name
		}
		data = append(append(data, ':'), encoded...)
	}
	return append(data, '}')
}
