package upstream

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"socketiojwt/internal/wirejson"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

// version is the version of the messages. It changes if a program that was written for an older
// one would misunderstand a message.
const version = 1

// A message is a request to the backend, in all of its attempts.
type message struct {
	kind string
	id   string
	body []byte
}

// The kinds of messages.
const (
	kindConnect    = "connect"
	kindEvent      = "event"
	kindDisconnect = "disconnect"
)

// counter returns the figure that counts messages of this kind.
func (m *message) counter(s *Stats) *uint64 {
	switch m.kind {
	case kindConnect:
		return &s.Connects
	case kindEvent:
		return &s.Events
	}
	return &s.Disconnects
}

// head is what the messages have in JSON, except the arguments of an event.
type head struct {
	Version   int       `json:"version"`
	Type      string    `json:"type"`
	ID        string    `json:"id"`
	Time      time.Time `json:"time"`
	Namespace string    `json:"namespace"`
	Socket    string    `json:"socket"`
	User      *user     `json:"user,omitempty"` // nil for a guest

	Connection *connection `json:"connection,omitempty"` // of a connect
	Event      string      `json:"event,omitzero"`       // of an event
	Ack        bool        `json:"ack,omitzero"`         // the peer of an event waits for an acknowledgement
	Reason     string      `json:"reason,omitzero"`      // of a disconnect
}

// user is the user of a token.
type user struct {
	Issuer  string                     `json:"issuer"`
	Subject string                     `json:"subject"`
	Claims  map[string]json.RawMessage `json:"claims,omitempty"`
}

// connection describes how a socket has connected.
type connection struct {
	Address   string `json:"address"`
	Origin    string `json:"origin,omitzero"`
	Transport string `json:"transport"`
	Protocol  int    `json:"protocol"` // revision of Engine.IO
	TLS       bool   `json:"tls"`
}

// userOf returns the user of a token, with some claims.
func userOf(t *token.Token, claims []string) *user {
	if t == nil {
		return nil
	}
	u := &user{Issuer: t.Issuer, Subject: t.Subject}
	for _, name := range claims {
		var value json.RawMessage
		if t.Claim(name, &value) != nil {
			continue // the token does not have it
		}
		if u.Claims == nil {
			u.Claims = make(map[string]json.RawMessage)
		}
		u.Claims[name] = value
	}
	return u
}

// newMessage returns a message about a socket.
func newMessage(h head) (*message, error) {
	h.Version, h.ID, h.Time = version, "msg_"+rand.Text(), time.Now().UTC().Truncate(time.Millisecond)
	body, err := wirejson.Marshal(h)
	return &message{kind: h.Type, id: h.ID, body: body}, err
}

// withArguments adds the arguments of an event. They are written as the peer has sent them,
// with a placeholder for each attachment.
func (m *message) withArguments(args socketio.Arguments) error {
	array, attachments, err := socketio.EncodeArguments(args.Args()...)
	if err != nil {
		return err
	}
	m.body = append(m.body[:len(m.body)-1], `,"args":`...)
	m.body = append(m.body, array...)
	if len(attachments) > 0 {
		m.body = wirejson.AppendAttachments(append(m.body, `,"attachments":`...), attachments)
	}
	m.body = append(m.body, '}')
	return nil
}

// An answer is the response of the backend.
type answer struct {
	Ack         json.RawMessage `json:"ack"`
	Attachments [][]byte        `json:"attachments"` // of the acknowledgement
	Refuse      *refusal        `json:"refuse"`
	Join        []string        `json:"join"`
	Leave       []string        `json:"leave"`
	Emit        []emission      `json:"emit"`
	Disconnect  *disconnection  `json:"disconnect"`

	ack socketio.Arguments
}

// refusal refuses a socket.
type refusal struct {
	Message    string `json:"message"`
	Code       string `json:"code"`
	Reason     string `json:"reason"`
	Temporary  bool   `json:"temporary"`
	RetryAfter int    `json:"retryAfter"` // seconds
}

// disconnection ends a socket.
type disconnection struct {
	Temporary bool `json:"temporary"`
}

// emission is an event to send: to the socket of the message or, if rooms or all are set, to
// sockets of its namespace.
type emission struct {
	Event       string          `json:"event"`
	Args        json.RawMessage `json:"args"`
	Attachments [][]byte        `json:"attachments"`
	Rooms       []string        `json:"rooms"`
	All         bool            `json:"all"`
	Except      []string        `json:"except"`
	Volatile    bool            `json:"volatile"`

	args socketio.Arguments
}

// The bounds of an answer, besides Options.MaxBody.
const (
	maxEmissions = 100
	maxText      = 1024 // bytes of a message of a refusal
	maxWord      = 64   // bytes of a code or a reason
)

// parseAnswer reads an answer to a message of some kind. A nil body is an answer that asks for
// nothing. Members that are unknown, or have no meaning for that kind, are errors, so that a typing
// error admits no socket.
func parseAnswer(kind string, body []byte) (*answer, error) {
	a := &answer{}
	if body == nil {
		return a, nil
	}
	if kind == kindConnect && bytes.Equal(bytes.TrimSpace(body), []byte("null")) { // of a function that has returned nothing
		return nil, errors.New("null does not answer a connect; use {} or status 204 to admit the socket")
	}
	if err := wirejson.UnmarshalKnown(body, a); err != nil {
		return nil, err
	}
	switch {
	case kind == kindConnect && (a.Ack != nil || a.Attachments != nil || a.Leave != nil || a.Disconnect != nil):
		return nil, errors.New("ack, attachments, leave and disconnect do not answer a connect")
	case kind == kindConnect && a.Refuse != nil && (a.Join != nil || a.Emit != nil):
		return nil, errors.New("a refused socket cannot join rooms, and nothing is emitted for it")
	case kind == kindEvent && a.Refuse != nil:
		return nil, errors.New("refuse does not answer an event; use disconnect")
	case len(a.Emit) > maxEmissions:
		return nil, errors.New("more than 100 events to emit")
	}
	if r := a.Refuse; r != nil && (len(r.Message) > maxText || len(r.Code) > maxWord || len(r.Reason) > maxWord || r.RetryAfter < 0 || r.RetryAfter > 3600) {
		return nil, errors.New("a text of refuse is too long, or retryAfter is not between 0 and 3600")
	}
	var err error
	if a.ack, err = arguments(a.Ack, a.Attachments); err != nil {
		return nil, errors.New("ack is not an array, or its placeholders do not fit its attachments")
	}
	for i := range a.Emit {
		if err := a.Emit[i].parse(); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// parse checks an emission.
func (e *emission) parse() (err error) {
	if e.All && e.Rooms != nil {
		return errors.New("an event to emit has both rooms and all")
	}
	if e.args, err = arguments(e.Args, e.Attachments); err != nil {
		return errors.New("args of an event to emit is not an array, or its placeholders do not fit its attachments")
	}
	if _, _, err = socketio.EncodeEvent(e.Event, e.args.Args()...); err != nil {
		return errors.New("an event to emit cannot be encoded: " + strings.TrimPrefix(err.Error(), "socketio: "))
	}
	return nil
}

// arguments reads an array of arguments. None means an empty array.
func arguments(array json.RawMessage, attachments [][]byte) (socketio.Arguments, error) {
	if array == nil {
		if len(attachments) > 0 {
			return socketio.Arguments{}, socketio.ErrArguments
		}
		return socketio.Arguments{}, nil
	}
	return socketio.ParseArguments(array, attachments)
}
