package api

import (
	"net/http"
	"time"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/access/throttle"
)

// Each change is on disk with its entry in the audit log, for a year: nobody makes so many that they fill it.
var (
	// memberPace is for users who may only change their own resources: a person does not click faster.
	memberPace = throttle.Limit{Burst: 120, Every: 6 * time.Second}
	// operatorPace is for who keeps things for others, by scripts too.
	operatorPace = throttle.Limit{Burst: 20_000, Every: 20 * time.Millisecond}
)

// pace bounds the changes of each person, by whatever session or token they come.
type pace struct{ member, operator *throttle.Rate }

func newPace() pace {
	return pace{throttle.NewRate(memberPace), throttle.NewRate(operatorPace)}
}

// change counts a change, or reports how long its maker has to wait.
func (p *pace) change(who access.Principal, now time.Time) time.Duration {
	rate := p.member
	if who.Role.May(access.ManageKeys) {
		rate = p.operator
	}
	name := "id " + who.ID
	if who.ID == "" {
		name = who.Via + " " + who.Name
	}
	return rate.Take(name, now)
}

// paced reports whether a request is no change, or one that its maker may make now; where not, it answers.
func (r *Router) paced(w http.ResponseWriter, req *http.Request, need access.Permission) bool {
	p := access.From(req.Context())
	if !Writes(req) || p.Via == ViaOpen || need == access.Anyone || need == access.VerifyKeys || need == access.ImportCalls {
		return true
	}
	wait := r.pace.change(p, r.now())
	if wait == 0 {
		return true
	}
	w.Header().Set("Retry-After", RetryAfter(wait))
	WriteProblem(w, http.StatusTooManyRequests, "you change things faster than the console keeps track of; wait, and try again")
	return false
}

// Writes reports whether a request may change something.
func Writes(r *http.Request) bool {
	return r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodOptions
}
