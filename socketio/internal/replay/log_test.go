package replay_test

import (
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/engineio"
	"socketiojwt/socketio/internal/replay"
)

func record(l *replay.Log, to replay.Target) {
	text := make([]byte, replay.OffsetSize)
	l.Done(l.Record(&replay.Draft{Message: engineio.NewMessage(text), Offset: text, Size: 10}, to))
}

// TestSearchIsBounded loses a session before more events than are searched, and one event later.
func TestSearchIsBounded(t *testing.T) {
	budget := replay.NewBudget(1 << 30)
	l := replay.NewLog(budget)
	lose := func() *replay.Session {
		s := l.Begin("id", 1000)
		if !s.Lose(nil) {
			t.Fatal("the session is not kept")
		}
		return s
	}
	early := lose()
	record(l, replay.Target{Rooms: []string{"room"}})
	late := lose()
	for range replay.MaxSearched {
		record(l, replay.Target{Rooms: []string{"room", "id"}, Except: []string{"room"}})
	}
	if _, ok := early.Plan(""); ok {
		t.Error("too many events were searched")
	}
	if p, ok := late.Plan(""); !ok || len(p.Missed) != replay.MaxSearched || !p.Resume() {
		t.Error("the later session is not recovered")
	}
	early.End()
	late.End()
	if l.Len() != 0 || l.Active() || budget.Used() != 0 {
		t.Errorf("%d events, %d bytes are kept without a session", l.Len(), budget.Used())
	}
}

// TestPruneForgetsAllOldEvents checks that Prune forgets all old events, although it forgets only some at a time.
func TestPruneForgetsAllOldEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := replay.NewLog(replay.NewBudget(1 << 30))
		defer l.Begin("id", 1000).End()
		for range 5000 {
			record(l, replay.Target{All: true})
		}
		time.Sleep(time.Minute)
		record(l, replay.Target{All: true})
		l.Prune(time.Second)
		if l.Len() != 1 {
			t.Errorf("%d events are kept, want 1", l.Len())
		}
	})
}
