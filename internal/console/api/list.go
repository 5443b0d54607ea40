package api

import (
	"fmt"
	"net/url"
	"strconv"

	"github.com/tokenboard/tokenboard/internal/store"
)

// ListPage says which page of a list is asked for. Without a limit it is as long as a page can be.
type ListPage struct {
	Limit  int    `query:"limit" default:"1000" minimum:"1" maximum:"1000" doc:"entries in one answer"`
	Cursor string `query:"cursor" maxLength:"100" doc:"X-Next-Cursor of the page before"`
}

// ListHead has the fields for paging through a list. The list itself is an array, as it always was.
type ListHead struct {
	Total int    `header:"X-Total-Count" doc:"entries of all pages"`
	Next  string `header:"X-Next-Cursor" doc:"cursor of the next page; not there at the end"`
	Link  string `header:"Link" doc:"address of the next page, rel=\"next\""`
}

// List is an answer with one page of a list.
type List[T any] struct {
	ListHead
	Body struct {
		Code int `json:"code" doc:"0 for success"`
		Data []T `json:"data" nullable:"false"`
	}
}

// More says that a list goes on after an entry.
func (h *ListHead) More(path string, in ListPage, last string, filters url.Values) {
	next := url.Values{"cursor": {last}, "limit": {strconv.Itoa(in.Limit)}}
	for name, values := range filters {
		if len(values) > 0 && values[0] != "" {
			next[name] = values
		}
	}
	h.Next, h.Link = last, fmt.Sprintf("<%s%s?%s>; rel=\"next\"", Base, path, next.Encode())
}

// PageOf returns the page of a list that is asked for, whether more follow, and the id of the page's last entry.
func PageOf[T any](all []T, in ListPage, id func(*T) string) (page []T, more bool, last string, err error) {
	if in.Cursor != "" {
		at := -1
		for i := range all {
			if id(&all[i]) == in.Cursor {
				at = i
				break
			}
		}
		if at < 0 {
			return nil, false, "", store.ErrCursor
		}
		all = all[at+1:]
	}
	if len(all) <= in.Limit {
		return all, false, "", nil
	}
	return all[:in.Limit], true, id(&all[in.Limit-1]), nil
}
