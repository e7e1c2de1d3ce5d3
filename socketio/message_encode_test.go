package socketio_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"socketiojwt/socketio"
)

func TestEncodeEvent(t *testing.T) {
	array, attachments, err := socketio.EncodeEvent("e", 1, []byte("x"), nil)
	if want := `["e",1,{"_placeholder":true,"num":0},null]`; err != nil || string(array) != want || !reflect.DeepEqual(attachments, [][]byte{[]byte("x")}) {
		t.Errorf("got %s, %q, %v; want %s", array, attachments, err, want)
	}
	for _, name := range []string{"", "connect", "disconnect", "newListener"} {
		if array, _, err := socketio.EncodeEvent(name); !errors.Is(err, socketio.ErrEventName) || array != nil {
			t.Errorf("event %q: %s, %v", name, array, err)
		}
	}
	placeholder := map[string]any{"_placeholder": true, "num": 0}
	if _, _, err := socketio.EncodeEvent("e", placeholder, []byte("x")); !errors.Is(err, socketio.ErrPlaceholder) {
		t.Errorf("placeholder beside binary data: %v", err)
	}
}

func TestEndingMessage(t *testing.T) {
	why := errors.New("why")
	for _, c := range []struct {
		how  error
		want socketio.Message
	}{
		{nil, socketio.Message{}},
		{why, socketio.Message{Cause: "why"}},
		{&socketio.Ending{Temporary: true, RetryAfter: time.Second, Err: why}, socketio.Message{Temporary: true, RetryAfter: time.Second, Cause: "why"}},
		{&socketio.Ending{WholeConnection: true, Event: "bye", Args: []any{[]byte("x")}},
			socketio.Message{WholeConnection: true, Data: []byte(`["bye",{"_placeholder":true,"num":0}]`), Attachments: [][]byte{[]byte("x")}}},
	} {
		c.want.Kind = socketio.KindDisconnect
		if got, err := socketio.EndingMessage(c.how); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v: got %+v, %v; want %+v", c.how, got, err, c.want)
		}
	}
	got, err := socketio.EndingMessage(&socketio.Ending{WholeConnection: true, Event: "bye", Args: []any{func() {}}})
	if err == nil || !got.WholeConnection || got.Data != nil {
		t.Errorf("an event that cannot be encoded: %+v, %v", got, err)
	}
}
