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
	// Node is the node that has the socket. It is empty for this one.
	Node NodeID `json:",omitempty"`
	// Rooms are those the socket is in, its own among them.
	Rooms []string
	// Handshake says how the socket came.
	Handshake HandshakeInfo
	// Data is a JSON object of what the socket carries under keys of NewSharedKey, by
	// their names. Nil is an empty one. See Key.Shared.
	Data json.RawMessage `json:",omitempty"`
}

// HandshakeInfo is the part of a Handshake that other nodes may know: it has no auth
// payload, no headers and no query, which can hold tokens.
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
	h := s.conn.request
	s.conn.mu.Unlock()
	return SocketInfo{ID: s.id, Rooms: rooms, Handshake: h.info(), Data: s.sharedData()}
}

func (h *Handshake) info() HandshakeInfo {
	return HandshakeInfo{RemoteAddr: h.RemoteAddr, Origin: h.Origin, Host: h.Host, Path: h.Path, TLS: h.TLS, Protocol: h.Protocol, Time: h.Time}
}

// sharedData encodes what the socket carries under shared keys. What cannot be encoded is
// left out.
func (s *Socket) sharedData() json.RawMessage {
	s.mu.Lock()
	values := s.values[:len(s.values):len(s.values)]
	var shared []contextValue
	for _, v := range values {
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
		encoded, err := wirejson.Stringify(v.value)
		if err != nil {
			s.logSampled(context.Background(), slog.LevelWarn, "shared key "+name, "socketio: value of a shared key cannot be encoded", "key", name, "error", err)
			continue
		}
		if len(data) > 1 {
			data = append(data, ',')
		}
		if data, err = wirejson.AppendQuote(data, name); err != nil {
			return nil // NewSharedKey has checked the name
		}
		data = append(append(data, ':'), encoded...)
	}
	return append(data, '}')
}
