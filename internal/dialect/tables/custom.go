package tables

import "github.com/tokenboard/tokenboard/internal/usage/figures"

// Custom is a family of emitters that is defined by configuration: which attributes hold what. An attribute may be "name#path.inside" where its value is JSON, see Family.
type Custom struct {
	Name   string
	Scope  string   // the scope's name starts so; "" is any
	Events []string // log events that are calls; without them only spans are read

	Input, Output, Total, CacheRead, CacheWrite, CacheWrite1h, Reasoning []string
	// InputHasCache says whether the input figure includes cache reads and writes, OutputHasReasoning
	// whether the output figure includes reasoning; nil: the figures decide.
	InputHasCache, OutputHasReasoning *bool

	Provider                                                                 string // where the record names none
	Model, RequestModel, ResponseID, RequestID, User, Project, Session, Cost []string

	ServiceTier, Account []string
}

// Family returns the row of it.
func (t *Custom) Family() *Family {
	f := &Family{
		Name: t.Name, Events: t.Events, Input: t.Input, Output: t.Output, Total: t.Total, CacheRead: t.CacheRead,
		CacheWrite: t.CacheWrite, CacheWrite1h: t.CacheWrite1h, Reasoning: t.Reasoning, Provider: t.Provider, Operation: "chat", Attributes: map[Attribute][]string{},
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
			*p.into = []PartRule{{Is: figures.Included}}
		default:
			*p.into = []PartRule{{Is: figures.Excluded}}
		}
	}
	for attribute, aliases := range map[Attribute][]string{
		ResponseModel: t.Model, RequestModel: t.RequestModel, ResponseID: t.ResponseID, RequestID: t.RequestID,
		User: t.User, Project: t.Project, Session: t.Session, Cost: t.Cost, Tier: t.ServiceTier, Account: t.Account,
	} {
		if len(aliases) > 0 {
			f.Attributes[attribute] = aliases
		}
	}
	return f
}
