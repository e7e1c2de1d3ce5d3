package socketio

import "testing"

// Tasks leave the inbox in the order in which they were added, and no task that was taken refers to another one.
func TestInbox(t *testing.T) {
	var q inbox
	for round := range 3 {
		tasks := make([]*task, round+1)
		for i := range tasks {
			tasks[i] = new(Event).asTask()
			q.add(tasks[i])
		}
		for i, want := range tasks {
			if got := q.take(); got != want || got.next != nil {
				t.Fatalf("task %d of %d is another one, or refers to the next one", i, len(tasks))
			}
		}
		if !q.isEmpty() || q.take() != nil {
			t.Fatal("the inbox is not empty")
		}
	}
}

// Events are dropped, and steps stay in their order.
func TestInboxDropEvents(t *testing.T) {
	var q inbox
	var events []*Event
	steps := make([]*task, 3)
	for i := range steps {
		events = append(events, new(Event), new(Event))
		steps[i] = &task{step: func() {}}
		q.add(events[2*i].asTask())
		q.add(steps[i])
		q.add(events[2*i+1].asTask())
	}
	dropped := q.dropEvents()
	if len(dropped) != len(events) {
		t.Fatalf("%d events dropped, want %d", len(dropped), len(events))
	}
	for i, e := range dropped {
		if e != events[i] || e.task.next != nil {
			t.Fatalf("event %d is another one, or refers to the next one", i)
		}
	}
	for i, want := range steps {
		if got := q.take(); got != want {
			t.Fatalf("step %d is another one", i)
		}
	}
	added := &task{step: func() {}}
	q.add(added)
	if q.take() != added || !q.isEmpty() {
		t.Error("a task that was added afterwards is lost")
	}
}
