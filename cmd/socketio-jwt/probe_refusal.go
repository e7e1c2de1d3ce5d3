package main

import (
	"encoding/json"
	"fmt"

	"socketiojwt/internal/wirejson"
	"socketiojwt/socketio"
	"socketiojwt/socketio/client"
)

// A refusal is the payload of CONNECT_ERROR, and of the event "unauthorized".
type refusal struct {
	Message string      `json:"message"`
	Data    refusalData `json:"data"`
}

type refusalData struct {
	Code   string `json:"code"`
	Reason string `json:"reason"`
	ID     string `json:"id"`
}

const unreadable = "a response that cannot be parsed"

// readRefusal parses the event "unauthorized".
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

// refusalOf parses CONNECT_ERROR.
func refusalOf(told *client.ConnectError) *refusal {
	r := &refusal{Message: told.Message}
	if told.Data != nil {
		_ = wirejson.Unmarshal(told.Data, &r.Data) // fields that are missing or malformed stay empty
	}
	if r.Message == "" {
		r.Message = unreadable
	}
	return r
}

// words returns the refusal as a sentence.
func (r *refusal) words(who string) string {
	text := fmt.Sprintf("REFUSED: %s: %s.", who, r.Message)
	for _, part := range []struct{ name, value string }{{"code", r.Data.Code}, {"reason", r.Data.Reason}, {"id in the server's log", r.Data.ID}} {
		if part.value != "" {
			text += fmt.Sprintf(" %s: %s.", part.name, part.value)
		}
	}
	return text
}
