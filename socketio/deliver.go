package socketio

import (
	"errors"
	"time"
)

// deliver handles a message of another node. Options.Bus receives it.
func (l *link) deliver(m Message) {
	<-l.ready
	if l.closed.Load() {
		return
	}
	defer l.recovered()
	err := m.check()
	if err == nil {
		err = l.act(&m)
	}
	if err != nil {
		l.warn("socketio: message of another node ignored", "node", m.From, "kind", m.Kind, "error", err)
	}
}

// act carries out a message on the sockets of this node. It uses the same functions as this
// node's own broadcasts.
func (l *link) act(m *Message) error {
	t := l.server.targetOf(m)
	switch m.Kind {
	case KindBroadcast:
		return l.broadcast(m, t)
	case KindJoin:
		nameErr, err := t.join(m.To, m.Rooms)
		if err != nil { // errors of single sockets, such as ErrTooManyRooms
			l.server.opts.Logger.Debug("socketio: sockets did not join rooms for another node", "node", m.From, "error", err)
		}
		return nameErr
	case KindLeave:
		t.leave(m.To, m.Rooms)
	case KindDisconnect:
		how, err := m.ending()
		if err != nil {
			return err
		}
		t.disconnect(m.To, how)
	case KindFetch:
		l.reply(m, Message{Kind: KindSockets, Sockets: t.fetch(m.To)})
	case KindServerSide:
		return l.serverSide(m, t)
	case KindExtension:
		if f := l.server.extensions[m.Extension]; f != nil {
			f(m.From, m.Payload)
		}
	case KindGone:
		if m.From == "" {
			l.replied(m)
			return nil
		}
		l.gone(m)
	default:
		l.replied(m)
	}
	return nil
}

// broadcast sends an event of another node to sockets of this node. It sends their answers back
// if the other node wants them.
func (l *link) broadcast(m *Message, t target) error {
	o, err := m.event()
	switch {
	case err != nil:
		return err
	case m.Request == "":
		t.sendReceived(m, o)
		return nil
	case l.served.Add(1) > mostServed:
		l.served.Add(-1)
		t.send(o, m.To)
		l.reply(m, Message{Kind: KindCount})
		return errors.New("socketio: too many requests of other nodes are pending; the sockets' answers are not sent")
	}
	waits := false
	defer func() {
		if !waits { // also after a panic of a function of OnEmit
			l.served.Add(-1)
		}
	}()
	a := t.ask(nil, o, l.server.nextAck(), m.To)
	l.reply(m, Message{Kind: KindCount, Count: len(a.pending), IDs: a.ids()})
	if len(a.pending) == 0 {
		return nil
	}
	waits = true
	timeout := m.Timeout
	if timeout <= 0 {
		timeout = longestAsk
	}
	l.server.running.add(1)
	go func() {
		defer l.server.running.add(-1)
		defer l.served.Add(-1)
		defer l.recovered()
		l.sendAnswers(m, a, min(timeout, longestAsk))
	}()
	return nil
}

// sendAnswers sends each answer as it arrives, until all have arrived or timeout has passed.
func (l *link) sendAnswers(m *Message, a *ask, timeout time.Duration) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for len(a.pending) > 0 {
		select {
		case r := <-a.replies:
			if !a.take(r) {
				continue
			}
			answer := Message{Kind: KindAnswer, Socket: r.socket.ID(), Ended: r.ended}
			if !r.ended {
				answer.Data, answer.Attachments = r.args.encode(), r.args.attachments
			}
			l.reply(m, answer)
		case <-timer.C:
			a.forget()
			return
		}
	}
}
