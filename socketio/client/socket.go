package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"socketiojwt/internal/engineclient"
	"socketiojwt/socketio"
	"socketiojwt/socketio/internal/packet"
)

// A Socket is the client's part in one namespace. It stays the same when the connection
// is lost and restored. All but Client is guarded by Client.mu.
type Socket struct {
	client *Client
	name   string

	id      string
	link    *link // by which the socket is joined; nil while it is not
	asked   *link // by which CONNECT was sent and not answered
	ever    bool  // it was joined before
	leaving bool  // DISCONNECT is being sent
	ended   error
	failure error // of the latest attempt to join, by Options.Auth or the server
	backoff backoff
	acks    map[uint64]chan socketio.Arguments
	lastAck uint64
	events  []*Event
	pending int           // bytes of events, and of missed
	session session       // to recover when the connection is lost
	keeper  *keeper       // nil without Options.Token
	changed chan struct{} // closed when something has changed; nil if no call waits
}

// Join joins a namespace, which begins with a slash, and waits for the server's answer.
// An empty name means "/". While the transport is lost, or the server refuses the socket
// temporarily, Join tries again until ctx ends, unless Options.NoReconnect is set.
//
// It returns a *ConnectError if the server refuses the socket, ErrDisconnected if the
// server ends it instead, ErrJoined for a namespace that the client has joined, ErrClosed
// if the client has ended, and the error of Options.Auth.
func (c *Client) Join(ctx context.Context, namespace string) (*Socket, error) {
	if namespace == "" {
		namespace = "/"
	}
	if !strings.HasPrefix(namespace, "/") || strings.Contains(namespace, ",") {
		return nil, fmt.Errorf("socketio client: namespace %q must begin with a slash and must not have a comma", namespace)
	}
	s := &Socket{client: c, name: namespace, backoff: backoff{least: c.opts.ReconnectDelay, most: c.opts.MaxReconnectDelay}}
	if c.opts.Token != nil {
		s.keeper = &keeper{socket: s, wake: make(chan struct{}, 1)}
	}
	if err := c.add(s); err != nil {
		return nil, err
	}
	if err := s.wait(ctx, func() bool { return s.ever }); err != nil {
		return nil, s.leaveAfter(err)
	}
	return s, nil
}

// add makes the client join the namespace of s.
func (c *Client) add(s *Socket) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ended != nil:
		return c.ended
	case c.sockets[s.name] != nil:
		return ErrJoined
	}
	c.sockets[s.name] = s
	if s.keeper != nil {
		c.running.Go(s.keeper.run)
	}
	switch l := c.link; {
	case l == nil:
		signal(c.wanted)
	case l.unanswered[s.name]: // the answer to the CONNECT of that Join is taken for this one
		delete(l.unanswered, s.name)
		s.asked = l
	default:
		c.running.Go(func() { s.connect(l) })
	}
	return nil
}

// leaveAfter ends a socket whose Join failed with err, and returns the error of Join.
func (s *Socket) leaveAfter(err error) error {
	s.client.mu.Lock()
	ended, failure := s.ended, cmp.Or(s.failure, s.client.failure)
	s.client.mu.Unlock()
	if ended == nil && failure != nil {
		err = fmt.Errorf("%w; the last attempt failed: %w", err, failure)
	}
	_ = s.Leave()
	return err
}

// Name returns the namespace.
func (s *Socket) Name() string { return s.name }

// ID returns the socket's id on the server, which changes with each connection that does not
// recover the session: see Recovered. It is empty while the socket is not connected.
func (s *Socket) ID() string {
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	return s.id
}

// Leave leaves the namespace. The connection stays, and the namespace can be joined
// again. Operations on the socket then return ErrClosed. It returns how the socket ended
// if that has happened already, and nil otherwise.
func (s *Socket) Leave() error { return s.leave(ErrClosed) }

// leave is Leave. Operations on the socket then return err.
func (s *Socket) leave(err error) error {
	c := s.client
	c.mu.Lock()
	defer c.mu.Unlock()
	l := s.link
	switch {
	case s.ended != nil || s.leaving:
		return s.ended
	case l != nil:
		s.leaving = true // nothing may follow DISCONNECT, and no CONNECT may come before it
		s.forgetLink()
		c.mu.Unlock()
		l.leave(s.name)
		c.mu.Lock()
	case s.asked != nil:
		s.asked.unanswered[s.name] = true
	}
	s.end(err)
	return nil
}

// connect sends CONNECT by l, with the answer of Options.Auth.
func (s *Socket) connect(l *link) {
	c := s.client
	for {
		payload, err := s.auth(l.ctx)
		if err != nil {
			if delay, again := s.authFailed(err); !again || !sleep(l.ctx, delay) {
				return
			}
			continue
		}
		c.mu.Lock()
		current := s.ended == nil && c.link == l
		if current {
			s.asked = l
		}
		pid, offset := s.session.pid, s.session.offset
		c.mu.Unlock()
		if current {
			head := packet.Packet{Type: packet.Connect, Namespace: s.name}.AppendHead(nil)
			_ = l.send(l.ctx, append(head, withSession(payload, pid, offset)...)) // if the link is lost, the next one joins again
		}
		return
	}
}

// auth asks for the payload of CONNECT.
func (s *Socket) auth(ctx context.Context) (payload []byte, err error) {
	opts := s.client.opts
	if opts.Auth != nil {
		value, err := opts.Auth(ctx, s.name)
		if err != nil {
			return nil, err
		}
		if value != nil {
			if payload, err = json.Marshal(value); err != nil {
				return nil, err
			}
		}
	}
	if opts.Token == nil || opts.TokenByEvent {
		return payload, nil
	}
	token, err := opts.Token(ctx, TokenRequest{Namespace: s.name})
	if err != nil {
		return nil, err
	}
	return withToken(payload, token)
}

// authFailed ends the socket, or returns when to ask again.
func (s *Socket) authFailed(err error) (delay time.Duration, again bool) {
	delay, again = s.authAgain(err)
	if again {
		s.client.opts.Logger.Warn("socketio client: Options.Auth or Options.Token failed", "namespace", s.name) // its error may quote a secret
	}
	return delay, again
}

// authAgain is authFailed without the log.
func (s *Socket) authAgain(err error) (delay time.Duration, again bool) {
	c := s.client
	err = fmt.Errorf("socketio client: auth payload for %s: %w", s.name, err)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case s.ended != nil:
		return 0, false
	case !s.ever || c.opts.NoReconnect || errors.Is(err, ErrNoToken):
		s.end(err)
		return 0, false
	}
	s.failure = err
	return s.backoff.next(), true
}

// end ends the socket for good. Events that came can still be received. The caller holds
// mu.
func (s *Socket) end(err error) {
	if s.ended != nil {
		return
	}
	c := s.client
	s.dropMissed()
	s.ended = err
	delete(c.sockets, s.name)
	c.pending -= s.pending
	s.forgetLink()
}

// lost handles the loss of the connection for err. The caller holds mu.
func (s *Socket) lost(err error) {
	if s.link != nil {
		s.push(disconnected(s, err))
	}
	s.forgetLink()
}

// forgetLink forgets the connection, and all who wait for an acknowledgement by it. The
// caller holds mu.
func (s *Socket) forgetLink() {
	s.id, s.link, s.asked = "", nil, nil
	for _, answer := range s.acks {
		close(answer)
	}
	s.acks = nil
	s.dropMissed()
	s.keeper.forget()
	s.wake()
}

// wait waits until ready, which is called with the client's mu held. It returns how the
// socket ended, if that comes first, or the cause of ctx.
func (s *Socket) wait(ctx context.Context, ready func() bool) error {
	for {
		s.client.mu.Lock()
		ok, ended := ready(), s.ended
		if !ok && ended == nil && s.changed == nil {
			s.changed = make(chan struct{})
		}
		changed := s.changed
		s.client.mu.Unlock()
		if ok || ended != nil {
			if ok {
				ended = nil
			}
			return ended
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// wake wakes all who wait. The caller holds mu.
func (s *Socket) wake() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// signal wakes the one that waits for ch, now or the next time that it looks.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// isLost reports whether a link cannot send any more.
func isLost(err error) bool { return errors.Is(err, engineclient.ErrClosed) || err == errNotJoined }
