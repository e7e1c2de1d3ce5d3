package socketio

import (
	"slices"
	"time"
)

// savedSessions bounds the sessions that this node has saved with a Recorder, for each recovery key.
type savedSessions struct {
	byKey map[string][]savedSession // the oldest first
}

type savedSession struct {
	pid   string
	until time.Time
}

// add notes that the session of a pid is being saved. It returns the pids of those with the same key
// that are to be forgotten, so that no more than most are kept.
func (k *savedSessions) add(key, pid string, until time.Time, most int) (forget []string) {
	kept := slices.DeleteFunc(k.byKey[key], func(s savedSession) bool { return s.pid == pid || s.over() })
	kept = append(kept, savedSession{pid, until})
	for ; len(kept) > most; kept = kept[1:] {
		forget = append(forget, kept[0].pid)
	}
	if k.byKey == nil {
		k.byKey = make(map[string][]savedSession)
	}
	k.byKey[key] = slices.Clone(kept)
	return forget
}

// prune removes the sessions that are not kept any more. It calls pause after some of the keys, so that the caller can release
// the lock.
func (k *savedSessions) prune(pause func()) {
	visited := 0
	for key, all := range k.byKey {
		if all = slices.DeleteFunc(all, savedSession.over); len(all) == 0 {
			delete(k.byKey, key)
		} else {
			k.byKey[key] = all
		}
		if visited++; visited%mostForgotten == 0 {
			pause() // while others may add keys, as within an iteration
		}
	}
}

func (s savedSession) over() bool { return !time.Now().Before(s.until) }

// bounded returns the sessions to save, and the pids of those to forget instead.
func (r *recovery) bounded(some []unsaved) (sessions []SavedSession, forget []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, u := range some {
		left := r.Window - time.Since(u.session.lostAt)
		if left < time.Millisecond {
			continue
		}
		u.saved.Window = left
		sessions = append(sessions, u.saved)
		forget = append(forget, r.saved.add(u.session.key, u.saved.PID, time.Now().Add(left), r.MaxSessionsPerKey)...)
	}
	sessions = slices.DeleteFunc(sessions, func(s SavedSession) bool { return slices.Contains(forget, s.PID) })
	return sessions, forget
}
