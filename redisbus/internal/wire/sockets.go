package wire

import (
	"encoding/json"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"socketiojwt/internal/wirejson"
	"socketiojwt/socketio"
)

// appendSockets appends the descriptions of sockets in the form of Node's fetchSockets. They
// contain no auth payload, no query, and no headers but Host and Origin.
func appendSockets(b []byte, sockets []socketio.SocketInfo) []byte {
	b = append(b, '[')
	for i := range sockets {
		if i > 0 {
			b = append(b, ',')
		}
		s := &sockets[i]
		b = append(b, `{"id":`...)
		b = appendString(b, s.ID)
		b = append(b, `,"handshake":`...)
		b = appendHandshake(b, &s.Handshake)
		b = append(b, `,"rooms":`...)
		b = appendNames(b, s.Rooms)
		b = append(b, `,"data":`...)
		if len(s.Data) == 0 {
			b = append(b, "{}"...)
		} else {
			b = append(b, s.Data...)
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

// javaScriptTime is the form of Date.prototype.toString.
const javaScriptTime = "Mon Jan 02 2006 15:04:05 GMT+0000 (Coordinated Universal Time)"

func appendHandshake(b []byte, h *socketio.HandshakeInfo) []byte {
	b = append(b, `{"headers":{`...)
	if h.Host != "" {
		b = append(b, `"host":`...)
		b = appendString(b, h.Host)
	}
	if h.Origin != "" {
		if h.Host != "" {
			b = append(b, ',')
		}
		b = append(b, `"origin":`...)
		b = appendString(b, h.Origin)
	}
	b = append(b, `},"time":"`...)
	b = h.Time.UTC().AppendFormat(b, javaScriptTime)
	b = append(b, `","address":`...)
	b = appendString(b, withoutPort(h.RemoteAddr))
	b = append(b, `,"xdomain":`...)
	b = appendBool(b, h.Origin != "")
	b = append(b, `,"secure":`...)
	b = appendBool(b, h.TLS)
	b = append(b, `,"issued":`...)
	b = strconv.AppendInt(b, h.Time.UnixMilli(), 10)
	b = append(b, `,"url":`...)
	b = appendString(b, h.Path)
	return append(b, `,"query":{},"auth":{}}`...)
}

// withoutPort returns the IP address in address, as Node does.
func withoutPort(address string) string {
	if a, err := netip.ParseAddrPort(address); err == nil {
		return a.Addr().String()
	}
	return address
}

// appendIDs appends the ids of sockets.
func appendIDs(b []byte, sockets []socketio.SocketInfo) []byte {
	ids := make([]string, len(sockets))
	for i := range sockets {
		ids[i] = sockets[i].ID
	}
	return appendNames(b, ids)
}

// nodeSocket is a description of a socket by Node. It has no field for secrets.
type nodeSocket struct {
	ID        json.RawMessage `json:"id"`
	Handshake json.RawMessage `json:"handshake"`
	Rooms     json.RawMessage `json:"rooms"`
	Data      json.RawMessage `json:"data"`
}

type nodeHandshake struct {
	Headers map[string]json.RawMessage `json:"headers"`
	Address json.RawMessage            `json:"address"`
	Secure  json.RawMessage            `json:"secure"`
	Issued  json.RawMessage            `json:"issued"`
	URL     json.RawMessage            `json:"url"`
	Query   map[string]json.RawMessage `json:"query"`
}

// readSockets reads the descriptions of sockets. One that has no id is left out, and so is each
// value that has not the type that Node gives it.
func readSockets(value []byte) ([]socketio.SocketInfo, error) {
	sockets := []socketio.SocketInfo{}
	ok := eachElement(value, func(element []byte) {
		if s, ok := readSocket(element); ok {
			sockets = append(sockets, s)
		}
	})
	if !ok {
		return nil, ErrMalformed
	}
	return sockets, nil
}

func readSocket(value []byte) (s socketio.SocketInfo, ok bool) {
	var n nodeSocket
	if wirejson.UnmarshalPeer(value, nil, &n) != nil {
		return s, false
	}
	if s.ID, ok = text(n.ID); !ok || s.ID == "" {
		return s, false
	}
	s.Handshake = readHandshake(n.Handshake)
	s.Rooms, _, _ = names(n.Rooms)
	if len(n.Data) > 0 && n.Data[0] == '{' {
		s.Data = n.Data
	}
	return s, true
}

func readHandshake(value []byte) (h socketio.HandshakeInfo) {
	var n nodeHandshake
	if missing(value) || wirejson.UnmarshalPeer(value, nil, &n) != nil {
		return h
	}
	h.RemoteAddr, _ = text(n.Address)
	h.Host, _ = text(n.Headers["host"])
	h.Origin, _ = text(n.Headers["origin"])
	h.TLS = string(n.Secure) == "true"
	if address, _ := text(n.URL); address != "" {
		if u, err := url.ParseRequestURI(address); err == nil {
			h.Path = u.Path
		}
	}
	if protocol, ok := text(n.Query["EIO"]); ok {
		h.Protocol, _ = strconv.Atoi(protocol)
	}
	if issued, err := strconv.ParseInt(string(n.Issued), 10, 64); err == nil && issued > 0 && issued < 1<<50 {
		h.Time = time.UnixMilli(issued)
	}
	return h
}
