package auth_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
)

func TestNewGateChecksItsOptions(t *testing.T) {
	v := verifier(t)
	if _, err := auth.NewGate(nil, auth.Options{}); err == nil {
		t.Error("no error without a verifier")
	}
	usual := auth.FromAuth("token")
	for name, opts := range map[string]auth.Options{
		"Timeout":             {Timeout: -1},
		"Attempts":            {Attempts: -1},
		"EarlyEvents":         {EarlyEvents: -1},
		"EarlyBytes":          {EarlyBytes: -1},
		"MaxHeld":             {MaxHeld: -1},
		"early and DropEarly": {EarlyEvents: 1, DropEarly: true},
		"bytes and DropEarly": {EarlyBytes: 1, DropEarly: true},
		"early and Guests":    {EarlyEvents: 1, Guests: true},
		"bytes and Guests":    {EarlyBytes: 1, Guests: true},
		"drop and Guests":     {DropEarly: true, Guests: true},
		"held and Guests":     {MaxHeld: 1, Guests: true},
		"login, no Guests":    {OnLogin: func(context.Context, *socketio.Socket) {}},
		"no sources":          {Sources: []auth.Source{}},
		"nil source":          {Sources: []auth.Source{nil}},
		"nil SourceFunc":      {Sources: []auth.Source{auth.SourceFunc(nil)}},
		"nameless member":     {Sources: []auth.Source{auth.FromAuth("")}},
		"nameless parameter":  {Sources: []auth.Source{auth.FromQuery("")}},
		"nameless cookie":     {Sources: []auth.Source{auth.FromCookie("")}},
		"cookie name":         {Sources: []auth.Source{auth.FromCookie("a b")}},
		"cookie twice":        {Sources: []auth.Source{auth.FromCookie("t"), usual, auth.FromCookie("t")}},
		"header twice":        {Sources: []auth.Source{auth.FromHeader(), auth.FromHeader()}},
	} {
		if _, err := auth.NewGate(v, opts); err == nil || !strings.HasPrefix(err.Error(), "auth: ") {
			t.Errorf("%s: got error %v", name, err)
		}
	}
	sourceFunc := auth.SourceFunc(func(context.Context, *socketio.Handshake) (string, error) { return "", nil })
	for name, opts := range map[string]auth.Options{
		"zero":               {},
		"two cookies":        {Sources: []auth.Source{auth.FromCookie("t"), auth.FromCookie("u")}},
		"two funcs":          {Sources: []auth.Source{sourceFunc, sourceFunc}}, // nobody can tell
		"no grace":           {Grace: -1},
		"everything fitting": {Sources: []auth.Source{usual}, Timeout: time.Second, Attempts: 3, DropEarly: true, MaxHeld: 1, LeaveAtExpiry: true, KeepEncoded: true, ThreamTexts: true},
		"guests":             {Guests: true, Attempts: 3, Grace: time.Second, OnLogin: func(context.Context, *socketio.Socket) {}},
	} {
		if _, err := auth.NewGate(v, opts); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
