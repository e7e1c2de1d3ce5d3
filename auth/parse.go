package auth

import (
	"time"

	"socketiojwt/internal/wirejson"
)

// longestRefusal bounds the payload of ParseRefusal, in bytes.
const longestRefusal = 64 << 10

// ParseRefusal reads a refusal, for clients in Go. The payload is the data of
// CONNECT_ERROR, its whole payload, the payload of "unauthorized", or the body of a response
// of Gate.HTTP.
//
// It reports false if the payload is not a refusal of a gate: one of another middleware,
// JSON of another shape or that is not strict, or more than 64 KiB. Reason and ID are empty
// in refusals of the npm package socketio-jwt and of a gate with OmitReasonAndID. Temporary
// and RetryAfter are zero in refusals of older servers. Err is always nil. ParseRefusal keeps
// no reference to payload, does not panic, and may be called concurrently.
func ParseRefusal(payload []byte) (*Error, bool) {
	if len(payload) > longestRefusal {
		return nil, false
	}
	var read struct {
		told
		Data *told `json:"data"`
	}
	// Unmarshal matches names exactly, and fails if a member is given twice or has another
	// type.
	if wirejson.Unmarshal(payload, &read) != nil {
		return nil, false
	}
	t := read.told
	if read.Data != nil {
		if t != (told{Message: read.Data.Message}) {
			return nil, false
		}
		t = *read.Data
	}
	if t.Type != unauthorizedError || t.Message == "" || t.Code == "" {
		return nil, false
	}
	return &Error{
		Message: t.Message, Code: t.Code, Reason: t.Reason, ID: t.ID,
		Temporary: t.Temporary, RetryAfter: time.Duration(min(max(t.RetryAfter, 0), 1<<30)) * time.Second,
	}, true
}
