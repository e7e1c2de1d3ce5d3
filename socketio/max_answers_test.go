package socketio_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// EmitWithAck stops when the answers exceed MaxAnswers, and says which sockets are missing.
func TestMaxAnswers(t *testing.T) {
	onBus(t, 1, socketio.Options{}, open, func(f *fixture, bus *stubBus) {
		big := strings.Repeat("x", 1000)
		for range 5 {
			p := f.dial(sockettest.Options{})
			go func() {
				if e, err := p.Expect(f.ctx, "q"); err == nil {
					_ = e.Ack(big)
				}
			}()
		}
		synctest.Wait()
		done := make(chan error)
		var answers socketio.Answers
		go func() {
			var err error
			answers, err = f.srv.MaxAnswers(3500).EmitWithAck(f.ctx, "q")
			done <- err
		}()
		synctest.Wait()
		published, _ := bus.take()
		request := published[len(published)-1].Request
		bus.deliver(socketio.Message{Kind: socketio.KindCount, From: "1", Request: request, IDs: []string{"other"}})
		bus.deliver(socketio.Message{Kind: socketio.KindAnswer, From: "1", Request: request, Socket: "other", Data: json.RawMessage(`["` + big + `"]`)})
		if err := <-done; !errors.Is(err, socketio.ErrAnswersTooLarge) || len(answers.List) != 3 || len(answers.Missing) < 2 || len(answers.Missing) > 3 {
			t.Errorf("%d answers, %d missing, %v", len(answers.List), len(answers.Missing), err)
		}
	})
	bubble(t, socketio.Options{}, open, func(f *fixture) {
		p := f.dial(sockettest.Options{})
		go func() {
			if e, err := p.Expect(f.ctx, "q"); err == nil {
				_ = e.Ack(strings.Repeat("x", 1000))
			}
		}()
		synctest.Wait()
		if answers, err := f.srv.MaxAnswers(2000).EmitWithAck(f.ctx, "q"); err != nil || len(answers.List) != 1 {
			t.Errorf("within the bound: %d answers, %v", len(answers.List), err)
		}
	})
}
