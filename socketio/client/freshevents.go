package client

import (
	"encoding/json"
	"fmt"
	"time"
)

// Reasons of refusals by package auth.
const (
	reasonRevoked = "token_revoked"
	reasonExpired = "token_expired"
	reasonLate    = "auth_timeout"
)

// helpful are the reasons after which Options.Token may return a better token.
var helpful = map[string]bool{reasonExpired: true, "token_not_active": true, "token_too_old": true}

// refusalFrom makes an error from a refusal of package auth.
func refusalFrom(data json.RawMessage) *ConnectError {
	var told struct {
		Message string `json:"message"`
	}
	_ = json.Unmarshal(data, &told) // it is a refusal, whatever it says
	e := &ConnectError{Message: told.Message, Data: data}
	e.Temporary, e.RetryAfter = temporary(data)
	return e
}

// reasonOf returns the reason of a refusal, or "".
func reasonOf(e *ConnectError) string {
	if e == nil {
		return ""
	}
	var told struct {
		Reason string `json:"reason"`
	}
	_ = json.Unmarshal(e.Data, &told)
	return told.Reason
}

// heard looks at an event of the server before the program receives it.
func (k *keeper) heard(e *Event) {
	if k == nil {
		return
	}
	var act func()
	switch e.Name {
	case "authenticated":
		var told leaseTold
		if e.Len() == 0 || e.Scan(&told) != nil {
			return
		}
		act = func() { k.describe(told) }
	case "token_expiring":
		act = func() { k.asked = k.asked || k.lease == nil || k.lease.mayRefresh }
	case "token_challenge":
		challenge := new(Challenge)
		_ = e.Scan(challenge) // without it, any fresh token is an attempt
		act = func() { k.challenge = challenge }
	case "unauthorized":
		var told struct {
			Data json.RawMessage `json:"data"`
		}
		if e.Scan(&told) != nil || told.Data == nil {
			return
		}
		refused := refusalFrom(told.Data)
		act = func() { k.refused(refused) }
	default:
		return
	}
	c := k.socket.client
	c.mu.Lock()
	defer c.mu.Unlock()
	if k.socket.link == e.link {
		act()
		signal(k.wake)
	}
}

// refused handles the event "unauthorized". The caller holds mu.
func (k *keeper) refused(refused *ConnectError) {
	var told struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(refused.Data, &told) != nil || told.Type != "UnauthorizedError" || refused.Temporary {
		return // an event was forbidden, or the transport closes
	}
	k.refusal = refused
	if reasonOf(refused) == reasonExpired && k.lease != nil {
		// If the socket stays, as a guest, it logs in again.
		k.lease, k.login, k.retry = nil, true, time.Now().Add(lapsePause)
	}
}

// connected notes that the socket is connected. The caller holds mu.
func (k *keeper) connected() {
	if k == nil {
		return
	}
	k.login = k.socket.client.opts.TokenByEvent
	k.asked = k.login
	signal(k.wake)
}

// forget forgets what belongs to a connection, which has ended. The caller holds mu.
func (k *keeper) forget() {
	if k == nil {
		return
	}
	k.lease, k.login, k.asked, k.challenge, k.retry, k.failures, k.refusal = nil, false, false, nil, time.Time{}, 0, nil
	if k.cancel != nil {
		k.cancel()
	}
	for _, answer := range k.waiting {
		answer <- ErrConnectionLost // has room
	}
	k.waiting = nil
	signal(k.wake)
}

// disconnected handles DISCONNECT by l. The socket ends, unless another token can help. The
// caller holds mu.
func (s *Socket) disconnected(l *link) {
	c, k := s.client, s.keeper
	if k == nil || k.refusal == nil {
		s.end(ErrDisconnected)
		return
	}
	if reason := reasonOf(k.refusal); reason != reasonExpired && reason != reasonLate || c.opts.NoReconnect || !s.ever || s.link == nil {
		s.end(fmt.Errorf("%w: %w", ErrDisconnected, k.refusal))
		return
	}
	s.push(disconnected(s, ErrDisconnected))
	s.forgetLink()
	delay := s.backoff.next()
	c.running.Go(func() {
		if sleep(l.ctx, delay) {
			s.connect(l)
		}
	})
}

// withToken adds a token to the payload of CONNECT, and asks for the lease.
func withToken(payload []byte, token string) ([]byte, error) {
	members := make(map[string]any)
	if payload != nil {
		var own map[string]json.RawMessage
		if err := json.Unmarshal(payload, &own); err != nil {
			return nil, fmt.Errorf("the result of Options.Auth is not a JSON object: %w", err)
		}
		for name, value := range own {
			members[name] = value
		}
	}
	members["lease"] = true
	if delete(members, "token"); token != "" {
		members["token"] = token
	}
	return json.Marshal(members)
}
