package socketio

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// maxKeptValues bounds what a handshake keeps of each kind (headers, query parameters, members
// of the auth payload) after OnConnect, including the names.
const maxKeptValues = 4 << 10

// afterConnect returns the part of a handshake that the options keep after OnConnect has
// returned, or nil if that is nothing. It shares no memory with what the peer sent.
func (o *Options) afterConnect(h *Handshake) *Handshake {
	kept := h.public()
	if len(o.keptHeaders) > 0 {
		kept.Header = http.Header(chosen(o.keptHeaders, h.Header))
	}
	if len(o.KeepQuery) > 0 {
		kept.rawQuery = url.Values(chosen(o.KeepQuery, h.Query())).Encode()
	}
	if len(o.KeepAuth) > 0 {
		kept.Auth = chosenMembers(o.KeepAuth, h.Auth)
	}
	if kept.Header == nil && kept.rawQuery == "" && kept.Auth == nil {
		return nil
	}
	return kept
}

// chosen copies the values of the names, or returns nil if there are none. A value that would
// exceed the bound is left out.
func chosen(names []string, from map[string][]string) map[string][]string {
	var kept map[string][]string
	room := maxKeptValues
	for _, name := range names {
		values := from[name]
		size := len(name)
		for _, v := range values {
			size += len(v)
		}
		if len(values) == 0 || size > room {
			continue
		}
		room -= size
		if kept == nil {
			kept = make(map[string][]string, len(names))
		}
		for _, v := range values {
			kept[name] = append(kept[name], strings.Clone(v))
		}
	}
	return kept
}

// chosenMembers returns an object with the named members, or nil if there are none.
func chosenMembers(names []string, object []byte) json.RawMessage {
	var all, kept map[string]json.RawMessage
	if json.Unmarshal(object, &all) != nil {
		return nil
	}
	room := maxKeptValues
	for _, name := range names {
		value, ok := all[name]
		if size := len(name) + len(value); !ok || size > room {
			continue
		}
		room -= len(name) + len(value)
		if kept == nil {
			kept = make(map[string]json.RawMessage, len(names))
		}
		kept[name] = value
	}
	if kept == nil {
		return nil
	}
	out, err := json.Marshal(kept)
	if err != nil {
		return nil
	}
	return out
}
