package auth_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio/sockettest"
)

// ParseRefusal reads a refusal of a gate from each form in which the gate sends it.
func TestParseRefusal(t *testing.T) {
	check := func(t *testing.T, payload []byte, message string, reason auth.Reason) {
		t.Helper()
		e, ok := auth.ParseRefusal(payload)
		if !ok {
			t.Fatalf("not recognised: %s", payload)
		}
		want := auth.Error{Message: message, Code: "invalid_token", Reason: reason, ID: e.ID}
		if *e != want || len(e.ID) != 12 {
			t.Errorf("got %+v, want %+v", *e, want)
		}
	}
	bubble(t, setup{}, func(f *fixture) {
		var packet string
		_, err := f.try(sockettest.Options{Auth: bearing("junk"), Trace: func(sent bool, data []byte, _ bool) {
			if !sent && data[0] == '4' {
				packet = string(data[1:])
			}
		}})
		var told *sockettest.ConnectError
		if !errors.As(err, &told) {
			t.Fatal(err)
		}
		check(t, told.Data, "jwt malformed", auth.ReasonTokenMalformed)
		check(t, []byte(packet), "jwt malformed", auth.ReasonTokenMalformed)

		p := f.dial(sockettest.Options{Auth: bearing(expiring(time.Minute))})
		var payload json.RawMessage
		f.expect(p, "unauthorized", &payload)
		check(t, payload, "jwt expired", auth.ReasonTokenExpired)
	})
}

// parsed maps payloads to the result of ParseRefusal. "" means not a refusal.
var parsed = []struct{ name, payload, message string }{
	{"ours", `{"message":"m","code":"c","type":"UnauthorizedError","reason":"r","id":"i"}`, "m"},
	{"the old library's", `{"message":"m","code":"c","type":"UnauthorizedError"}`, "m"},
	{"its event", `{"message":"m","inner":{"message":"of a driver","errno":7},"data":{"message":"m","code":"c","type":"UnauthorizedError"}}`, "m"},
	{"members to come", `{"message":"m","code":"c","type":"UnauthorizedError","more":{"a":[1]}}`, "m"},
	{"white space, another order", ` {"type":"UnauthorizedError", "code":"c","message":"\u006d"} `, "m"},

	{"nothing", ``, ""},
	{"null", `null`, ""},
	{"a string", `"Invalid namespace"`, ""},
	{"a list", `[{"message":"m","code":"c","type":"UnauthorizedError"}]`, ""},
	{"a message alone", `{"message":"Invalid namespace"}`, ""},
	{"another type", `{"message":"m","code":"c","type":"ForbiddenError"}`, ""},
	{"no type", `{"message":"m","code":"c"}`, ""},
	{"no message", `{"code":"c","type":"UnauthorizedError"}`, ""},
	{"no code", `{"message":"m","type":"UnauthorizedError"}`, ""},
	{"names in another case", `{"Message":"m","Code":"c","Type":"UnauthorizedError"}`, ""},
	{"a type that is a list", `{"message":"m","code":"c","type":["UnauthorizedError"]}`, ""},
	{"a code that is a number", `{"message":"m","code":7,"type":"UnauthorizedError"}`, ""},
	{"a reason that is an object", `{"message":"m","code":"c","type":"UnauthorizedError","reason":{}}`, ""},
	{"a member twice", `{"message":"m","message":"n","code":"c","type":"UnauthorizedError"}`, ""},
	{"another member twice", `{"message":"m","code":"c","type":"UnauthorizedError","x":{"y":1,"y":2}}`, ""},
	{"two messages", `{"message":"n","data":{"message":"m","code":"c","type":"UnauthorizedError"}}`, ""},
	{"no outer message", `{"data":{"message":"m","code":"c","type":"UnauthorizedError"}}`, ""},
	{"two refusals", `{"message":"m","code":"d","type":"UnauthorizedError","data":{"message":"m","code":"c","type":"UnauthorizedError"}}`, ""},
	{"data of data", `{"message":"m","data":{"message":"m","data":{"message":"m","code":"c","type":"UnauthorizedError"}}}`, ""},
	{"data that is a string", `{"message":"m","data":"c"}`, ""},
	{"something behind", `{"message":"m","code":"c","type":"UnauthorizedError"}{}`, ""},
	{"cut off", `{"message":"m","code":"c","type":"UnauthorizedError"`, ""},
	{"invalid UTF-8", `{"message":"m` + "\xff" + `","code":"c","type":"UnauthorizedError"}`, ""},
	{"too long", `{"message":"m","code":"c","type":"UnauthorizedError","x":"` + strings.Repeat("x", 64<<10) + `"}`, ""},
	{"deep", `{"message":"m","code":"c","type":"UnauthorizedError","x":` + strings.Repeat("[", 60<<10), ""},
}

func TestParseRefusalIsStrict(t *testing.T) {
	for _, p := range parsed {
		t.Run(p.name, func(t *testing.T) {
			e, ok := auth.ParseRefusal([]byte(p.payload))
			switch {
			case ok != (p.message != ""), ok != (e != nil):
				t.Errorf("got %+v, %t", e, ok)
			case ok && (e.Message != p.message || e.Code != "c"):
				t.Errorf("got %+v", e)
			}
		})
	}
}

// ParseRefusal does not panic, and reads its own result again without a change.
func FuzzParseRefusal(f *testing.F) {
	for _, p := range parsed {
		f.Add([]byte(p.payload))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		e, ok := auth.ParseRefusal(payload)
		if !ok {
			if e != nil {
				t.Errorf("no refusal, and %+v", e)
			}
			return
		}
		again, err := json.Marshal(map[string]string{
			"message": e.Message, "code": e.Code, "type": "UnauthorizedError", "reason": string(e.Reason), "id": e.ID,
		})
		if err != nil {
			t.Fatal(err)
		}
		if read, ok := auth.ParseRefusal(again); len(again) <= 64<<10 && (!ok || *read != *e) {
			t.Errorf("read %+v, and then %+v", e, read)
		}
	})
}
