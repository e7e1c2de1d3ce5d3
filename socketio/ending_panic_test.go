package socketio_test

import (
	"testing"
	"testing/synctest"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// Values of an Ending whose encoding panics do not keep sockets from ending.
func TestEndingWithValuesThatPanic(t *testing.T) {
	for name, how := range map[string]*socketio.Ending{
		"event":                {Event: "bye", Args: []any{explosive{}}},
		"data":                 {Data: explosive{}},
		"whole":                {Event: "bye", Args: []any{explosive{}}, WholeConnection: true},
		"temporary":            {Event: "bye", Args: []any{explosive{}}, Temporary: true},
		"temporary, and whole": {Data: explosive{}, Temporary: true, WholeConnection: true},
	} {
		for call, end := range map[string]func(f *fixture){
			"Disconnect": func(f *fixture) {
				for _, s := range f.srv.Sockets() {
					s.Disconnect(how)
				}
			},
			"DisconnectSockets": func(f *fixture) {
				if err := f.srv.DisconnectSockets(how); (err != nil) != (how.Event != "") {
					t.Errorf("%s: DisconnectSockets: %v", name, err)
				}
			},
		} {
			t.Run(name+", "+call, func(t *testing.T) {
				bubble(t, socketio.Options{}, open, func(f *fixture) {
					f.dial(sockettest.Options{})
					f.dial(sockettest.Options{})
					end(f)
					synctest.Wait()
					if n := len(f.srv.Sockets()); n != 0 {
						t.Errorf("%d sockets are left", n)
					}
				})
			})
		}
	}
}
