package main

import (
	"encoding/json"
	"fmt"

	"socketiojwt/internal/wirejson"
	"socketiojwt/socketio"
	"socketiojwt/socketio/client"
)

// A refusal is what a server says of it, in CONNECT_ERROR and in "unauthorized".
type refusal struct {
	Message string      `json:"message"`
	Data    refusalData `json:"data"`
}

type refusalData struct {
	Code   string `json:"code"`
	Reason string `json:"reason"`
	ID     string `json:"id"`
}

const unreadable = "an answer that cannot be read"

// readRefusal reads the event "unauthorized".
func readRefusal(e *client.Event) *refusal {
	r := new(refusal)
	var text json.RawMessage
	if e.Len() > 0 {
		text = e.Args()[0].(socketio.Raw).JSON()
	}
	if err := wirejson.Unmarshal(text, r); err != nil && r.Message == "" {
		r.Message = unreadable
	}
	return r
}

// refusalOf reads CONNECT_ERROR.
func refusalOf(told *client.ConnectError) *refusal {
	r := &refusal{Message: told.Message}
	if told.Data != nil {
		_ = wirejson.Unmarshal(told.Data, &r.Data) // as much as there is
	}
	if r.Message == "" {
		r.Message = unreadable
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
