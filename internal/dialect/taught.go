package dialect

import "strings"

// Taught is a family of emitters that an operator teaches by configuration: which attributes hold
// what. An attribute may be "name#path.inside" where its value is JSON, see Family.
type Taught struct {
	Name   string
	Scope  string   // the scope's name starts so; "" is any
	Events []string // log events that tell calls; without them only spans are read

	Input, Output, Total, CacheRead, CacheWrite, CacheWrite1h, Reasoning []string
	// InputHasCache says whether the input figure includes cache reads and writes, OutputHasReasoning
	// whether the output figure includes reasoning; nil: found out from the figures where they tell.
	InputHasCache, OutputHasReasoning *bool

	Provider                                                                 string // where the record names none
	Model, RequestModel, ResponseID, RequestID, User, Project, Session, Cost []string

	ServiceTier []string
}

// family makes a row of it, and adds the attributes that it reads to names.
func (t *Taught) family(n *names) *Family {
	f := &Family{
		Name: t.Name, Events: t.Events, Input: t.Input, Output: t.Output, Total: t.Total, CacheRead: t.CacheRead,
		CacheWrite: t.CacheWrite, CacheWrite1h: t.CacheWrite1h, Reasoning: t.Reasoning, Provider: t.Provider, Operation: "chat", Facts: map[fact][]string{},
	}
	if t.Scope != "" {
		f.Scopes = []string{t.Scope}
	}
	for _, p := range []struct {
		is   *bool
		into *[]PartRule
	}{{t.InputHasCache, &f.Cache}, {t.OutputHasReasoning, &f.Reasons}} {
		switch {
		case p.is == nil:
		case *p.is:
			*p.into = []PartRule{{Is: included}}
		default:
			*p.into = []PartRule{{Is: excluded}}
		}
	}
	for fact, aliases := range map[fact][]string{
		factResponseModel: t.Model, factRequestModel: t.RequestModel, factResponseID: t.ResponseID, factRequestID: t.RequestID,
		factUser: t.User, factProject: t.Project, factSession: t.Session, factCost: t.Cost, factTier: t.ServiceTier,
	} {
		if len(aliases) > 0 {
			f.Facts[fact] = aliases
		}
	}
	for _, aliases := range [][]string{t.Input, t.Output, t.Total} {
		for _, alias := range aliases {
			name, _, _ := strings.Cut(alias, "#")
			n.info[n.id(name)].kind |= kindTelling
		}
	}
	n.info[0] = nameInfo{} // of no name
	return f.compile(n)
}
