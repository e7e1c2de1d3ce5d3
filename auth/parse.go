package auth

import (
	"time"

	"socketiojwt/internal/wirejson"
)

// longestRefusal bounds what ParseRefusal looks at.
const longestRefusal = 64 << 10

// ParseRefusal reads what a peer was told, for clients in Go: the data of
// CONNECT_ERROR, all of its payload, or the payload of "unauthorized". It reports false
// for what is no refusal of a gate: another middleware's, another shape, JSON that is
// not strict, more than 64 KiB. A server of the npm package socketio-jwt tells no Reason
// and no ID, and neither does a gate with OmitReasonAndID; older servers do not tell Temporary and RetryAfter. Err is not told. It
// keeps nothing of payload, never panics, and may be called concurrently.
func ParseRefusal(payload []byte) (*Error, bool) {
	if len(payload) > longestRefusal {
		return nil, false
	}
	var read struct {
		told
		Data *told `json:"data"`
	}
	// Names match exactly and come once; a member of another type is an error.
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
