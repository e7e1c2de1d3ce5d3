package socketio

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"time"

	"socketiojwt/internal/mac"
	"socketiojwt/socketio/internal/replay"
)

// This file saves lost sessions with a Recorder.

// recordedSession is what a session has if it can be recovered by a Recorder. It is guarded by
// the socket's mu and, except behind and Trail.Sent, by the lock of the listing.
type recordedSession struct {
	trail  *replay.Trail
	text   string    // the pid
	epoch  string    // in which the connection was lost
	gaps   uint64    // shared.gaps when the socket was listed
	log    string    // Recorder.Log when the socket was listed
	behind []waiting // what waits to be sent
}

// begin begins the session of a socket that is being listed. The caller holds mu for writing.
func (l *listing) begin(id string, rec Recorder) *recordedSession {
	return &recordedSession{trail: replay.NewTrail(id, l.place(rec)), gaps: l.shared.gaps, log: rec.Log(l.namespace.name)}
}

// A savedState is what SavedSession.Sealed contains, as JSON.
type savedState struct {
	Key       string // for whom the session is: see Socket.SetRecoveryKey
	Namespace string
	Epoch     string
	Trail     *replay.Trail
	Assigned  []string        `json:",omitempty"`
	Data      json.RawMessage `json:",omitempty"`
	Note      []byte          `json:",omitempty"` // see Socket.SetRecoveryCheck
	Until     int64           `json:",omitempty"` // see session.until
}

// sealer encrypts and authenticates the states of sessions under the key of the cluster.
type sealer struct{ aead cipher.AEAD }

func newSealer(cluster []byte) sealer {
	key := mac.New(cluster).Sum(nil, "socketio: saved sessions")
	block, _ := aes.NewCipher(key[:]) // fails only for other lengths of a key
	aead, _ := cipher.NewGCMWithRandomNonce(block)
	return sealer{aead}
}

// seal returns the sealed state of the session of a pid.
func (c sealer) seal(pid string, state *savedState) ([]byte, error) {
	text, err := json.Marshal(state)
	if err != nil {
		return nil, err
	}
	return c.aead.Seal(nil, nil, text, []byte(pid)), nil
}

// open returns the state of a session that seal has sealed for the pid.
func (c sealer) open(pid string, sealed []byte) (*savedState, error) {
	text, err := c.aead.Open(nil, nil, sealed, []byte(pid))
	if err != nil {
		return nil, errors.New("socketio: a saved session is not from a server with this ClusterKey")
	}
	state := new(savedState)
	if err := json.Unmarshal(text, state); err != nil || state.Trail == nil {
		return nil, errMessage
	}
	return state, nil
}

// save saves the session of a socket that has lost its connection, after OnDisconnect has returned.
func (r *recovery) save(s *Socket, x *session, describe func() []byte) {
	queued := false
	defer func() {
		if !queued { // also after a panic
			r.forgetSession(x)
		}
	}()
	state := savedState{Key: x.key, Namespace: x.namespace.name, Epoch: x.epoch, Trail: x.trail, Data: s.sharedData(), Until: x.until}
	for room := range x.assigned {
		state.Assigned = append(state.Assigned, room)
	}
	slices.Sort(state.Assigned)
	if describe != nil {
		state.Note = describe()
	}
	sealed, err := r.sealer.seal(x.text, &state)
	if err != nil {
		return
	}
	saved := SavedSession{
		PID: x.text, ID: x.id, Rooms: append([]string{x.id}, x.trail.Rooms...), Data: state.Data,
		Sealed: sealed,
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.lost[x.pid] != x {
		return
	}
	queued, x.parted = true, true
	r.unsaved = append(r.unsaved, unsaved{x, saved})
	if !r.saving {
		r.saving = true
		r.server.running.add(1)
		go r.saveAll()
	}
}

// unsaved is a session that is to be saved.
type unsaved struct {
	session *session
	saved   SavedSession
}

const (
	// mostSaved bounds the sessions that are saved by one call.
	mostSaved = 256
	// savePatience bounds one call.
	savePatience = 5 * time.Second
)

// saveAll saves sessions until there are none to save.
func (r *recovery) saveAll() {
	defer r.server.running.add(-1)
	for {
		r.mu.Lock()
		some := r.unsaved[:min(len(r.unsaved), mostSaved)]
		if r.unsaved = r.unsaved[len(some):]; len(some) == 0 {
			r.unsaved, r.saving = nil, false
			r.mu.Unlock()
			return
		}
		r.mu.Unlock()
		r.saveSome(some)
	}
}

func (r *recovery) saveSome(some []unsaved) {
	sessions, forget := r.bounded(some)
	if err := r.saveSessions(sessions, forget); err != nil {
		r.server.sampler.Log(context.Background(), r.server.opts.Logger, slog.LevelWarn, "save", "socketio: lost sessions were not saved", "sessions", len(sessions), "error", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, u := range some {
		r.forget(u.session) // a socket that waits for the session now looks for the saved one
	}
}

func (r *recovery) saveSessions(sessions []SavedSession, forget []string) (err error) {
	defer caught(&err)
	rec := r.server.recorder()
	ctx, cancel := context.WithTimeout(context.Background(), savePatience)
	defer cancel()
	return rec.SaveSessions(ctx, sessions, forget)
}
