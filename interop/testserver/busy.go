package main

import (
	"sync"
	"time"

	"socketiojwt/auth"
	"socketiojwt/token"
)

// busy counts, by the claim `busy`, how often tokens were refused temporarily. The zero
// value is ready to use.
type busy struct {
	mu      sync.Mutex
	refused map[string]int
}

// refuse returns a temporary refusal until the name of the token has had as many as its
// claim `times` says.
func (b *busy) refuse(t *token.Token) error {
	var wanted struct {
		Busy  string `json:"busy"`
		Times int    `json:"times"`
	}
	if err := t.Claims(&wanted); err != nil || wanted.Busy == "" {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refused[wanted.Busy] >= wanted.Times {
		return nil
	}
	if b.refused == nil {
		b.refused = make(map[string]int)
	}
	b.refused[wanted.Busy]++
	return &auth.Error{Message: "busy", Code: "unavailable", Temporary: true, RetryAfter: time.Second}
}
