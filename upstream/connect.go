package upstream

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

// A visit is a socket about which the backend was asked.
type visit struct {
	namespace       string
	issuer, subject string
	guest           bool

	mu        sync.Mutex
	emissions []emission // to send when the socket is admitted
	greeted   bool       // Connected has run
	told      bool       // the backend has been told about the end, or must not be
}

// Connect is connect middleware: it asks the backend whether a socket that the gate admits may
// join the namespace. Add it after the gate. If the backend does not refuse the socket, the
// socket joins the rooms of the answer at the moment at which it is admitted, and Connected emits
// the events.
//
// A refusal of the backend is CONNECT_ERROR, or the event "unauthorized" for a socket that was
// held, in the form of the gate's refusals. If the backend fails, the socket is refused
// temporarily, with code "unavailable" and reason "backend_unavailable", and the client connects
// again by itself.
//
// Connect does not run again when a guest logs in (auth.Options.Guests) or a socket shows a fresh
// token. If the backend must refuse some users, do not allow guests in the namespace, or let it
// decide about each event, which has the user.
func (b *Backend) Connect(ctx context.Context, s *socketio.Socket) error {
	var t *token.Token
	if lease := auth.Current(s); lease != nil {
		t = lease.Token
	}
	h := s.Handshake()
	m, err := newMessage(head{
		Type: kindConnect, Namespace: s.Namespace().Name(), Socket: s.ID(), User: userOf(t, b.opts.Claims),
		Connection: &connection{Address: h.RemoteAddr, Origin: h.Origin, Transport: string(s.Transport()), Protocol: h.Protocol, TLS: h.TLS},
	})
	if err != nil {
		return b.unavailable(ctx, &failure{code: codeFailed, err: errors.New("the connect cannot be encoded")})
	}
	v := b.visit(s, t)
	a, failed := b.askToConnect(ctx, m)
	switch {
	case failed != nil:
		if failed.code == codeUnavailable {
			v.forget()
		}
		return b.unavailable(ctx, failed)
	case a.Refuse != nil:
		v.forget()
		b.count(func(n *Stats) { n.Refused++ })
		return a.Refuse.ending(s)
	}
	err = b.unreserved(s, a.Join)
	if err == nil {
		err = s.Assign(a.Join...)
	}
	if err != nil {
		if errors.Is(err, socketio.ErrClosed) {
			return err
		}
		return b.unavailable(ctx, unusable(err))
	}
	if len(a.Emit) > 0 {
		v.mu.Lock()
		v.emissions = a.Emit
		v.mu.Unlock()
	}
	return nil
}

// visit begins a visit, whose end the backend is told about if Options.Disconnects is set.
func (b *Backend) visit(s *socketio.Socket, t *token.Token) *visit {
	v := newVisit(s, t)
	b.visits.Set(s, v)
	if b.opts.Disconnects {
		s.OnEnd(func() {
			if !v.wasGreeted() { // otherwise Disconnected runs, after the last event
				b.tell(s, v, "not admitted")
			}
		})
	}
	return v
}

func newVisit(s *socketio.Socket, t *token.Token) *visit {
	v := &visit{namespace: s.Namespace().Name(), guest: t == nil}
	if t != nil {
		v.issuer, v.subject = strings.Clone(t.Issuer), strings.Clone(t.Subject)
	}
	return v
}

// forget makes the end of the visit one that the backend is not told about.
func (v *visit) forget() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.told = true
}

func (v *visit) wasGreeted() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.greeted
}

// askToConnect asks the backend about a connect, again if it cannot be reached.
func (b *Backend) askToConnect(ctx context.Context, m *message) (*answer, *failure) {
	ctx, cancel := context.WithTimeoutCause(ctx, b.opts.Timeout, errLate)
	defer cancel()
	if err := b.connects.enter(ctx, b.life); err != nil {
		return nil, unsent(err)
	}
	defer b.connects.leave()
	sent := false
	for attempt := 0; ; attempt++ {
		body, failed := b.ask(ctx, m)
		if failed == nil {
			a, err := parseAnswer(kindConnect, body)
			if err != nil {
				return nil, unusable(err)
			}
			return a, nil
		}
		sent = sent || failed.code != codeUnavailable
		if sent && failed.code == codeUnavailable {
			failed = &failure{codeUncertain, failed.err, true} // an earlier attempt may have been handled
		}
		if attempt+1 >= b.opts.Attempts || failed.code == codeFailed || !pause(ctx, b.life, retryPause(attempt, 100*time.Millisecond)) {
			return nil, failed
		}
	}
}

// pause waits, and reports whether no context has ended meanwhile.
func pause(ctx, life context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-life.Done():
	}
	return false
}

// unavailable refuses a socket because the backend fails.
func (b *Backend) unavailable(ctx context.Context, failed *failure) error {
	b.failed(ctx, failed, "upstream: connect failed, socket refused temporarily")
	r := refusal{Message: "backend unavailable", Code: codeUnavailable, Reason: "backend_unavailable", Temporary: true}
	return r.endingAfter(b.comeBack(), failed)
}

// toldRefusal is what a refused peer is told, as by a gate.
type toldRefusal struct {
	Message    string `json:"message"`
	Code       string `json:"code"`
	Type       string `json:"type"`
	Reason     string `json:"reason"`
	Temporary  bool   `json:"temporary,omitzero"`
	RetryAfter int    `json:"retryAfter,omitzero"`
}

// toldByEvent is what a held socket that is refused is told by the event "unauthorized".
type toldByEvent struct {
	Message string `json:"message"`
	Inner   struct {
		Message string `json:"message"`
	} `json:"inner"`
	Data toldRefusal `json:"data"`
}

// ending returns the refusal for package socketio.
func (r *refusal) ending(s *socketio.Socket) error {
	return r.endingAfter(time.Duration(r.RetryAfter)*time.Second, errors.New("upstream: the backend has refused the socket"))
}

func (r *refusal) endingAfter(wait time.Duration, cause error) error {
	data := toldRefusal{
		Message: cmp.Or(r.Message, "not authorized"), Code: cmp.Or(r.Code, "unknown"), Type: "UnauthorizedError",
		Reason: cmp.Or(r.Reason, string(auth.ReasonNotAuthorized)), Temporary: r.Temporary,
	}
	if !r.Temporary {
		wait = 0
	}
	data.RetryAfter = int((wait + time.Second - 1) / time.Second)
	event := toldByEvent{Message: data.Message, Data: data}
	event.Inner.Message = data.Message
	return &socketio.Ending{
		Message: data.Message, Data: data, Event: "unauthorized", Args: []any{event}, Temporary: r.Temporary, RetryAfter: wait, Err: cause,
	}
}

// Connected is a function of OnConnect. It emits the events of the answer to Connect, which are
// dropped without it.
func (b *Backend) Connected(ctx context.Context, s *socketio.Socket) error {
	v, ok := b.visits.Value(s)
	if !ok {
		return nil
	}
	v.mu.Lock()
	v.greeted = true
	emissions := v.emissions
	v.emissions = nil
	v.mu.Unlock()
	for i := range emissions {
		if err := emissions[i].send(s); err != nil {
			b.warn(ctx, err.Error(), "upstream: event of a connect not emitted", "event", emissions[i].Event, "cause", err)
		}
	}
	return nil
}

// Disconnected is a function of OnDisconnect. If Options.Disconnects is set, it tells the backend
// that the socket has ended, and does not wait for that.
func (b *Backend) Disconnected(ctx context.Context, s *socketio.Socket, reason socketio.Reason) {
	if !b.opts.Disconnects {
		return
	}
	v, ok := b.visits.Value(s)
	if !ok { // Socket.Renew has removed it
		v = newVisit(s, auth.Token(ctx))
	}
	b.tell(s, v, string(reason))
}

// tell tells the backend once that a visit has ended.
func (b *Backend) tell(s *socketio.Socket, v *visit, reason string) {
	v.mu.Lock()
	told := v.told
	v.told = true
	v.mu.Unlock()
	if told {
		return
	}
	h := head{Type: kindDisconnect, Namespace: v.namespace, Socket: s.ID(), Reason: reason}
	if !v.guest {
		h.User = &user{Issuer: v.issuer, Subject: v.subject}
	}
	b.notify(h)
}
