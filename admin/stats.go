package admin

import (
	"net/http"
	"time"

	"socketiojwt/auth"
)

// allStats is the response of GET /stats.
type allStats struct {
	Gates map[string]stats `json:"gates"`
}

// stats is auth.Stats as the API returns it.
type stats struct {
	Held   int `json:"held"`
	Leased int `json:"leased"`
	Guests int `json:"guests"`

	Outage time.Time `json:"outage,omitzero"`

	Admissions      uint64                 `json:"admissions"`
	GuestAdmissions uint64                 `json:"guestAdmissions"`
	Expired         uint64                 `json:"expired"`
	Revoked         uint64                 `json:"revoked"`
	Denied          int                    `json:"denied"` // entries of the denylist
	Verified        uint64                 `json:"verified"`
	Refusals        map[auth.Reason]uint64 `json:"refusals"`
	Panics          uint64                 `json:"panics"`
}

func (a *api) stats(w http.ResponseWriter, _ *http.Request) {
	out := allStats{Gates: make(map[string]stats)}
	for name, gate := range a.gates {
		s := gate.Stats()
		out.Gates[name] = stats{
			Held: s.Held, Leased: s.Leased, Guests: s.Guests, Outage: s.Outage,
			Admissions: s.Admissions, GuestAdmissions: s.GuestAdmissions,
			Expired: s.Expired, Revoked: s.Revoked, Denied: s.Denied, Verified: s.Verified, Refusals: s.Refusals, Panics: s.Panics,
		}
	}
	answer(w, out)
}
