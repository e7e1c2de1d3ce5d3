package engineclient

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"socketiojwt/internal/wirejson"
)

var (
	// ErrClosed is returned for a connection that is closing or has ended, with the cause.
	ErrClosed = errors.New("engineio: connection closed")
	// ErrSlow is the cause of ErrClosed after more than Options.MaxPending waited.
	ErrSlow = errors.New("engineio: too many received messages wait")
	// ErrTooLarge is the cause of ErrClosed after a message larger than Options.MaxMessage.
	ErrTooLarge = errors.New("engineio: message from the server is too large")

	// ErrSilent is the cause of ErrClosed after the server sent no ping in time.
	ErrSilent = errors.New("engineio: no ping from the server in time")

	errPacket    = errors.New("engineio: malformed packet from the server")
	errFrame     = errors.New("engineio: malformed WebSocket frame from the server")
	errServer    = errors.New("engineio: closed by the server")
	errHandshake = errors.New("the server did not complete the WebSocket handshake")
)

// A StatusError is an HTTP response that refuses a request.
type StatusError struct {
	// Status is the status code of the response.
	Status int
	// Message is the body of the response, at most 4 KiB. A server may quote the request
	// in it, including a token.
	Message string
	// RetryAfter is how long the server asks the client to wait, at most 10 minutes. Zero
	// means that the response has no Retry-After.
	RetryAfter time.Duration
}

// Error returns the status, and not the message.
func (e *StatusError) Error() string {
	return fmt.Sprintf("refused with %d %s", e.Status, http.StatusText(e.Status))
}

const (
	maxRefusal    = 4 << 10
	maxRetryAfter = 10 * time.Minute
)

// statusError returns the error of an unexpected response.
func statusError(response *http.Response) *StatusError {
	text, _ := io.ReadAll(io.LimitReader(response.Body, maxRefusal)) // as much as there is
	e := &StatusError{Status: response.StatusCode, Message: strings.TrimSpace(string(text))}
	var refusal struct {
		Message string `json:"message"`
	}
	if wirejson.Unmarshal(text, &refusal) == nil && refusal.Message != "" {
		e.Message = refusal.Message
	}
	e.RetryAfter = retryAfter(response.Header.Get("Retry-After"), time.Now())
	return e
}

// retryAfter reads the header Retry-After, which is in seconds or a date.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return max(0, min(date.Sub(now), maxRetryAfter))
}
