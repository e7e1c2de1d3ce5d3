package auth_test

import (
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio/sockettest"
)

// Fresh reads its claims exactly. A claim that is missing or has another type does not satisfy.
func TestFreshness(t *testing.T) {
	age := auth.Freshness{MaxAge: 5 * time.Minute}
	acr := auth.Freshness{ACR: []string{"gold", "silver"}}
	amr := auth.Freshness{AMR: []string{"otp", "pwd"}}
	ago := func(d time.Duration) claims {
		return claims{"auth_time": time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(-d).Unix()}
	}
	for name, c := range map[string]struct {
		need   auth.Freshness
		claims claims
		fresh  bool
	}{
		"now":                      {age, ago(0), true},
		"just recent":              {age, ago(5 * time.Minute), true},
		"a second too old":         {age, ago(5*time.Minute + time.Second), false},
		"slightly in the future":   {age, ago(-time.Minute), true},
		"in the future":            {age, ago(-2 * time.Minute), false},
		"no auth_time":             {age, nil, false},
		"auth_time, a string":      {age, claims{"auth_time": "946684800"}, false},
		"auth_time, null":          {age, claims{"auth_time": nil}, false},
		"auth_time, a fraction":    {age, claims{"auth_time": 946684799.5}, true},
		"auth_time, huge":          {age, claims{"auth_time": 1e300}, false},
		"auth_time, very negative": {age, claims{"auth_time": -1e300}, false},
		"acr":                      {acr, claims{"acr": "silver"}, true},
		"another acr":              {acr, claims{"acr": "bronze"}, false},
		"acr, a list":              {acr, claims{"acr": []string{"gold"}}, false},
		"no acr":                   {acr, nil, false},
		"amr":                      {amr, claims{"amr": []string{"pwd", "x", "otp"}}, true},
		"one of two amr":           {amr, claims{"amr": []string{"pwd"}}, false},
		"amr, a string":            {auth.Freshness{AMR: []string{"otp"}}, claims{"amr": "otp"}, true},
		"amr, a number":            {amr, claims{"amr": 1}, false},
		"no amr":                   {amr, nil, false},
		"recent, but not by acr":   {auth.Freshness{MaxAge: time.Minute, ACR: []string{"gold"}}, ago(0), false},
	} {
		t.Run(name, func(t *testing.T) {
			c.need.Wait = time.Second
			bubble(t, setup{furnish: func(f *fixture) { f.guarded("pay", auth.Fresh(c.need)) }}, func(f *fixture) {
				p := f.dial(sockettest.Options{Auth: bearing(sign(c.claims))})
				if got := f.ask(p, "pay"); (got == forbidden{}) != c.fresh {
					t.Errorf("got %+v, want fresh: %t", got, c.fresh)
				}
			})
		})
	}
}
