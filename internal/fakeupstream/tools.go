package fakeupstream

// The answers to requests whose HeaderTool asks for the call of a tool.

func (x *exchange) chatToolCalls() []any {
	return []any{object{
		"index": 0, "id": "call_" + x.call.ID, "type": "function",
		"function": object{"name": x.tool.Name, "arguments": marshal(x.tool.Arguments)},
	}}
}

func (x *exchange) chatMessage() object {
	if x.tool == nil {
		return object{"role": "assistant", "content": x.text(), "refusal": nil}
	}
	return object{"role": "assistant", "content": nil, "refusal": nil, "tool_calls": x.chatToolCalls()}
}

func (x *exchange) chatFinish() string {
	if x.tool == nil {
		return "stop"
	}
	return "tool_calls"
}

func (x *exchange) responsesToolCall() object {
	return object{
		"id": "fc_" + x.call.ID, "type": "function_call", "status": "completed", "call_id": "call_" + x.call.ID,
		"name": x.tool.Name, "arguments": marshal(x.tool.Arguments),
	}
}

func (x *exchange) messagesContent() []any {
	if x.tool == nil {
		return []any{object{"type": "text", "text": x.text(), "citations": nil}}
	}
	return []any{object{"type": "tool_use", "id": "toolu_" + x.call.ID, "name": x.tool.Name, "input": x.tool.Arguments}}
}

// messagesBlock is the content block that a stream starts with; messagesDeltas are the deltas that follow.
func (x *exchange) messagesBlock() object {
	if x.tool == nil {
		return object{"type": "text", "text": ""}
	}
	return object{"type": "tool_use", "id": "toolu_" + x.call.ID, "name": x.tool.Name, "input": object{}}
}

func (x *exchange) messagesDeltas() (deltas []object) {
	if x.tool != nil {
		return []object{{"type": "input_json_delta", "partial_json": marshal(x.tool.Arguments)}}
	}
	for _, word := range x.words {
		deltas = append(deltas, object{"type": "text_delta", "text": word})
	}
	return deltas
}

func (x *exchange) messagesStop() string {
	if x.tool == nil {
		return "end_turn"
	}
	return "tool_use"
}
