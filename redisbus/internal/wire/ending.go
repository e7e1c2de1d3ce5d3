package wire

import (
	"encoding/json"
	"time"

	"socketiojwt/internal/wirejson"
	"socketiojwt/socketio"
)

// asksGo is the value of the member "go" of a request of a Go node.
const asksGo = "1"

// ending is the member "go" of a DISCONNECT of a Go node. It has what Node's DISCONNECT cannot
// carry.
type ending struct {
	Temporary  bool            `json:"temporary,omitempty"`
	RetryAfter int64           `json:"retryAfter,omitempty"` // in milliseconds
	Cause      string          `json:"cause,omitempty"`
	Event      json.RawMessage `json:"event,omitempty"`
	// Attachments are those of Event. They are in base64, so that the message is JSON.
	Attachments [][]byte `json:"attachments,omitempty"`
}

// appendEnding appends the member "go" of a DISCONNECT after a comma, or nothing if the message
// is one that Node can send.
func appendEnding(b []byte, m *socketio.Message) ([]byte, error) {
	if !m.Temporary && m.RetryAfter == 0 && m.Cause == "" && len(m.Data) == 0 {
		return b, nil
	}
	encoded, err := json.Marshal(ending{
		Temporary:   m.Temporary,
		RetryAfter:  ceilMilliseconds(m.RetryAfter),
		Cause:       m.Cause,
		Event:       m.Data,
		Attachments: m.Attachments,
	})
	if err != nil {
		return b, err
	}
	return append(append(b, `,"go":`...), encoded...), nil
}

// readEnding reads the members close and "go" of a DISCONNECT.
func readEnding(m *socketio.Message, values *members) error {
	m.WholeConnection = string(values.close) == "true"
	if missing(values.goMember) {
		return nil
	}
	var e ending
	if err := wirejson.UnmarshalPeer(values.goMember, nil, &e); err != nil {
		return ErrMalformed
	}
	m.Temporary, m.Cause = e.Temporary, e.Cause
	if e.RetryAfter > 0 && e.RetryAfter < 1<<40 {
		m.RetryAfter = time.Duration(e.RetryAfter) * time.Millisecond
	}
	if len(e.Event) == 0 || e.Event[0] != '[' {
		return nil
	}
	if _, err := socketio.ParseArguments(e.Event, e.Attachments); err != nil {
		return ErrMalformed
	}
	m.Data, m.Attachments = e.Event, e.Attachments
	return nil
}
