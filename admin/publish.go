package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"socketiojwt/auth"
	"socketiojwt/internal/wirejson"
	"socketiojwt/socketio"
)

// The bounds of a request that publishes.
const (
	maxPublishBody = 1 << 20
	maxAddressed   = 1000 // rooms, sockets and users of one selection
)

// selection selects sockets of a namespace.
type selection struct {
	All     bool     `json:"all"`
	Rooms   []string `json:"rooms"`
	Sockets []string `json:"sockets"` // their IDs
	Users   []struct {
		Issuer  string `json:"issuer"`
		Subject string `json:"subject"`
	} `json:"users"`
}

// addressed says which sockets a request addresses.
type addressed struct {
	Namespace string    `json:"namespace"` // empty means /
	To        selection `json:"to"`
	Except    selection `json:"except"`
}

// rooms returns the rooms that a selection names. A socket's ID is a room, and so is a user.
func (a *api) rooms(s selection) ([]string, error) {
	if len(s.Rooms)+len(s.Sockets)+len(s.Users) > maxAddressed {
		return nil, fmt.Errorf("more than %d rooms, sockets and users; send several requests", maxAddressed)
	}
	rooms := make([]string, 0, len(s.Rooms)+len(s.Sockets)+len(s.Users))
	rooms = append(append(rooms, s.Rooms...), s.Sockets...)
	for _, u := range s.Users {
		switch {
		case a.userRoom == nil:
			return nil, errors.New("this server does not address users; use rooms")
		case u.Subject == "":
			return nil, errors.New("a user needs subject")
		}
		rooms = append(rooms, a.userRoom(u.Issuer, u.Subject))
	}
	return rooms, nil
}

// broadcast returns a broadcast to the sockets that a request addresses.
func (a *api) broadcast(to addressed) (socketio.Broadcast, error) {
	if to.Namespace == "" {
		to.Namespace = "/"
	}
	if !strings.HasPrefix(to.Namespace, "/") {
		return socketio.Broadcast{}, errors.New("namespace must begin with a slash")
	}
	if to.Except.All {
		return socketio.Broadcast{}, errors.New("except.all excludes all sockets")
	}
	rooms, err := a.rooms(to.To)
	except, exceptErr := a.rooms(to.Except)
	switch named := to.To.Rooms != nil || to.To.Sockets != nil || to.To.Users != nil; {
	case err != nil:
		return socketio.Broadcast{}, err
	case exceptErr != nil:
		return socketio.Broadcast{}, exceptErr
	case to.To.All == named:
		return socketio.Broadcast{}, errors.New("to needs either all, or at least one of rooms, sockets and users")
	}
	b := a.server.BroadcastIn(to.Namespace)
	if !to.To.All {
		b = b.To(rooms...)
	}
	return b.Except(except...), nil
}

// emitBody is the body of POST /emit.
type emitBody struct {
	addressed
	Event       string          `json:"event"`
	Args        json.RawMessage `json:"args"`
	Attachments [][]byte        `json:"attachments"`
	Volatile    bool            `json:"volatile"`
	AckTimeout  int             `json:"ackTimeout"` // seconds; 0 means that no acknowledgement is asked for
}

// arguments returns the arguments of the event.
func (b *emitBody) arguments() ([]any, error) {
	if b.Args == nil {
		b.Args = json.RawMessage("[]")
	}
	args, err := socketio.ParseArguments(b.Args, b.Attachments)
	if err != nil || args.Len() == 0 && len(b.Attachments) > 0 {
		return nil, errors.New("args is not an array, or its placeholders do not fit attachments")
	}
	return args.Args(), nil
}

func (a *api) emit(w http.ResponseWriter, r *http.Request) {
	var body emitBody
	a.publish(w, r, &body, func(ctx context.Context) (response []byte, problem *failed) {
		to, err := a.broadcast(body.addressed)
		if err != nil {
			return nil, badRequest(err)
		}
		args, err := body.arguments()
		if err != nil {
			return nil, badRequest(err)
		}
		if _, _, err := socketio.EncodeEvent(body.Event, args...); err != nil {
			return nil, badRequest(fmt.Errorf("the event cannot be sent: %w", err))
		}
		if body.Volatile {
			to = to.Volatile()
		}
		if body.AckTimeout != 0 {
			return a.emitWithAck(r, to, body, args)
		}
		if err := to.Emit(body.Event, args...); err != nil {
			return nil, a.busFailed(ctx, err)
		}
		a.auditPublished(r, "emitted", body.addressed, slog.String("event", body.Event))
		return nil, nil
	})
}

// roomsBody is the body of POST /rooms/join and POST /rooms/leave.
type roomsBody struct {
	addressed
	Rooms []string `json:"rooms"`
}

func (a *api) join(w http.ResponseWriter, r *http.Request) {
	a.changeRooms(w, r, "joined rooms", socketio.Broadcast.SocketsJoin)
}

func (a *api) leave(w http.ResponseWriter, r *http.Request) {
	a.changeRooms(w, r, "left rooms", socketio.Broadcast.SocketsLeave)
}

// changeRooms makes sockets join or leave rooms.
func (a *api) changeRooms(w http.ResponseWriter, r *http.Request, what string, change func(b socketio.Broadcast, rooms ...string) error) {
	var body roomsBody
	a.publish(w, r, &body, func(ctx context.Context) (response []byte, problem *failed) {
		to, err := a.broadcast(body.addressed)
		switch {
		case err != nil:
			return nil, badRequest(err)
		case len(body.Rooms) == 0, len(body.Rooms) > maxAddressed:
			return nil, badRequest(fmt.Errorf("rooms needs 1 to %d names", maxAddressed))
		case slices.ContainsFunc(body.Rooms, a.declares):
			return nil, badRequest(errors.New("rooms names a room that only a gate makes sockets join and leave"))
		}
		switch err := change(to, body.Rooms...); {
		case errors.Is(err, socketio.ErrRoomName), errors.Is(err, socketio.ErrReservedRoom):
			return nil, badRequest(errors.New(strings.TrimPrefix(err.Error(), "socketio: ")))
		case errors.Is(err, socketio.ErrTooManyRooms):
			return nil, &failed{http.StatusConflict, "a socket would be in too many rooms; the others are in the rooms"}
		case err != nil:
			return nil, a.busFailed(ctx, err)
		}
		a.auditPublished(r, what, body.addressed, slog.Int("rooms", len(body.Rooms)))
		return nil, nil
	})
}

// declares reports whether a room follows from the tokens of one of the gates. Which namespaces a gate
// guards is not known here, so such a room is reserved in all of them.
func (a *api) declares(room string) bool {
	for _, gate := range a.gates {
		if gate.Declares(room) {
			return true
		}
	}
	return false
}

// failed is why a request was not carried out.
type failed struct {
	status int
	detail string
}

func badRequest(err error) *failed { return &failed{http.StatusBadRequest, err.Error()} }

// busFailed returns the problem for an error of the bus, which is only logged.
func (a *api) busFailed(ctx context.Context, err error) *failed {
	a.log.ErrorContext(ctx, "admin: publishing failed", "error", err)
	return &failed{http.StatusServiceUnavailable, "the other nodes could not be told; the sockets of this node were, and a repeated request reaches them again"}
}

// publish reads the body of a request that publishes, carries it out, and answers. A request with
// an Idempotency-Key is carried out once.
func (a *api) publish(w http.ResponseWriter, r *http.Request, body any, carryOut func(context.Context) ([]byte, *failed)) {
	if a.server == nil {
		fail(w, http.StatusNotFound, "this server does not publish")
		return
	}
	text, ok := readText(w, r, maxPublishBody)
	if !ok {
		return
	}
	if err := wirejson.UnmarshalKnown(text, body); err != nil {
		fail(w, http.StatusBadRequest, "the body is not valid: %v", err)
		return
	}
	if e, isEmit := body.(*emitBody); isEmit && e.AckTimeout != 0 && r.Header.Get(idempotencyKey) != "" {
		fail(w, http.StatusBadRequest, "a request with ackTimeout cannot have an %s", idempotencyKey)
		return
	}
	switch response, problem := a.once(r, text, carryOut); {
	case problem != nil:
		fail(w, problem.status, "%s", problem.detail)
	case response != nil:
		writeText(w, http.StatusOK, "application/json", response)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// once carries out a request, unless one with its Idempotency-Key was carried out before.
func (a *api) once(r *http.Request, text []byte, carryOut func(context.Context) ([]byte, *failed)) (response []byte, problem *failed) {
	done, problem := a.repeats.begin(auth.Token(r.Context()), r, text)
	if done == nil {
		return nil, problem
	}
	ok := false
	defer func() { done(ok) }() // a panic releases the key, too
	response, problem = carryOut(r.Context())
	ok = problem == nil
	return response, problem
}

// auditPublished logs what was published, at level Debug because there may be much of it.
func (a *api) auditPublished(r *http.Request, what string, to addressed, more ...slog.Attr) {
	if a.log.Enabled(r.Context(), slog.LevelDebug) {
		a.auditAt(r, slog.LevelDebug, what, append(more,
			slog.String("namespace", to.Namespace), slog.Bool("all", to.To.All), slog.Int("selected", len(to.To.Rooms)+len(to.To.Sockets)+len(to.To.Users)))...)
	}
}
