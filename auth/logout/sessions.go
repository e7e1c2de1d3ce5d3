package logout

import (
	"sync"
	"time"
)

// sessionsFor is the time in which the sessions of a user are counted.
const sessionsFor = 24 * time.Hour

// sessions counts the sessions of each user that were revoked one by one, so that a user who logs
// in and out often does not fill the denylist. It forgets a user after one to two sessionsFor, or
// when it is full.
type sessions struct {
	size int // of one generation
	most int // of a user

	mu         sync.Mutex
	began      time.Time // of the young generation
	young, old map[digest]int
}

func newSessions(size, most int) *sessions {
	return &sessions{size: size - size/2, most: most, young: make(map[digest]int), began: time.Now()}
}

// add counts one more session of a user. It reports false, and counts nothing, if there are too
// many.
func (s *sessions) add(user digest) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); len(s.young) >= s.size || now.Sub(s.began) >= sessionsFor {
		s.old, s.young, s.began = s.young, make(map[digest]int), now
	}
	if s.young[user]+s.old[user] >= s.most {
		return false
	}
	s.young[user]++
	return true
}
