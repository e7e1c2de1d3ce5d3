package socketio

// inbox is a queue of tasks. The zero inbox is empty. The tasks are linked, so that it needs no
// memory besides theirs, and the first task of an event is a part of the event.
type inbox struct{ first, last *task }

// task is one item of work for a worker: an event, or a step of the socket's life.
type task struct {
	event   *Event
	handler Handler // of the event; nil means that of its name
	step    func()
	next    *task // in the inbox
}

// asTask returns the task of an event that was not in an inbox yet. One that was set aside needs
// another one, because its program may call SetAside too often.
func (e *Event) asTask() *task {
	e.task.event = e
	return &e.task
}

// add appends a task, which must not be in an inbox.
func (q *inbox) add(t *task) {
	if q.first == nil {
		q.first = t
	} else {
		q.last.next = t
	}
	q.last = t
}

// take removes the first task. It returns nil if there is none.
func (q *inbox) take() *task {
	t := q.first
	if t == nil {
		return nil
	}
	if q.first = t.next; q.first == nil {
		q.last = nil
	}
	t.next = nil // or an event that is kept would keep those after it
	return t
}

// isEmpty reports whether there is no task.
func (q *inbox) isEmpty() bool { return q.first == nil }

// dropEvents removes the events, and returns them.
func (q *inbox) dropEvents() (dropped []*Event) {
	all := *q
	*q = inbox{}
	for t := all.take(); t != nil; t = all.take() {
		if t.event != nil {
			dropped = append(dropped, t.event)
		} else {
			q.add(t)
		}
	}
	return dropped
}
