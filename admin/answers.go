package admin

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"socketiojwt/internal/wirejson"
	"socketiojwt/socketio"
)

// The bounds of acknowledgements.
const (
	maxAckTimeout = 30      // seconds
	maxAnswers    = 4 << 20 // bytes
	maxMissing    = 1000    // sockets that are named
	maxAsking     = 64      // requests that wait for acknowledgements at a time
)

// gathered is the response of POST /emit with ackTimeout, except the answers.
type gathered struct {
	Missing      []string `json:"missing"`
	MissingCount int      `json:"missingCount"`      // includes those that are not named
	TooLarge     bool     `json:"tooLarge,omitzero"` // some answers were left out
	Partial      *partial `json:"partial,omitempty"`
}

// partial is a socketio.PartialError.
type partial struct {
	Answered int      `json:"answered"`
	Nodes    int      `json:"nodes"`
	Missing  []string `json:"missing"`
}

// emitWithAck sends an event and returns the acknowledgements as JSON.
func (a *api) emitWithAck(r *http.Request, to socketio.Broadcast, body emitBody, args []any) ([]byte, *failed) {
	if body.AckTimeout < 0 || body.AckTimeout > maxAckTimeout {
		return nil, &failed{http.StatusBadRequest, "ackTimeout must be from 1 to 30 seconds"}
	}
	select {
	case a.asking <- struct{}{}:
		defer func() { <-a.asking }()
	default:
		return nil, &failed{http.StatusServiceUnavailable, "too many requests wait for acknowledgements"}
	}
	ctx, cancel := context.WithTimeoutCause(r.Context(), time.Duration(body.AckTimeout)*time.Second, errAckTimeout)
	defer cancel()
	a.auditPublished(r, "emitted", body.addressed, slog.String("event", body.Event))
	answers, err := to.MaxAnswers(maxAnswers).EmitWithAck(ctx, body.Event, args...)
	out := gathered{
		Missing: append([]string{}, answers.Missing[:min(len(answers.Missing), maxMissing)]...), MissingCount: len(answers.Missing) + answers.Unnamed,
		TooLarge: errors.Is(err, socketio.ErrAnswersTooLarge),
	}
	var some *socketio.PartialError
	switch {
	case errors.As(err, &some):
		out.Partial = &partial{Answered: some.Answered, Nodes: some.Nodes, Missing: []string{}}
		for _, node := range some.Missing {
			out.Partial.Missing = append(out.Partial.Missing, string(node))
		}
	case err != nil && !out.TooLarge && !errors.Is(err, errAckTimeout):
		return nil, a.busFailed(ctx, err)
	}
	text, err := out.with(answers.List)
	if err != nil {
		return nil, a.busFailed(ctx, err)
	}
	return text, nil
}

// errAckTimeout says that the acknowledgements that are left came too late.
var errAckTimeout = errors.New("admin: the time for acknowledgements is over")

// with returns the response as JSON. The arguments are written as the peers have sent them.
func (g gathered) with(answers []socketio.Answer) ([]byte, error) {
	rest, err := wirejson.Marshal(g)
	if err != nil {
		return nil, err
	}
	text := []byte(`{"answers":[`)
	for i, answer := range answers {
		array, attachments, err := socketio.EncodeArguments(answer.Args()...)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			text = append(text, ',')
		}
		if text, err = wirejson.AppendQuote(append(text, `{"socket":`...), answer.Socket); err != nil {
			return nil, err
		}
		text = append(append(text, `,"args":`...), array...)
		if len(attachments) > 0 {
			text = wirejson.AppendAttachments(append(text, `,"attachments":`...), attachments)
		}
		text = append(text, '}')
	}
	text = append(text, `],`...)
	return append(text, rest[1:]...), nil
}
