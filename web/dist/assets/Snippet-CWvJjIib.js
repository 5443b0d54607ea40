import{$ as e,Dt as t,J as n,Jt as r,Kt as i,L as a,M as o,Q as s,Rt as c,S as l,W as u,X as d,Z as f,Zt as p,bt as m,et as h,ht as g,ot as _,pt as v,x as y,yt as b}from"./prefs-BnAb5wCl.js";var x=[`aria-label`],S=[`name`,`value`],C=y(h({__name:`Segmented`,props:_({options:{},label:{}},{modelValue:{required:!0},modelModifiers:{}}),emits:[`update:modelValue`],setup(e){let o=m(e,`modelValue`),c=b();return(l,d)=>(v(),f(`div`,{class:`segmented`,role:`radiogroup`,"aria-label":e.label},[(v(!0),f(u,null,g(e.options,e=>(v(),f(`label`,{key:e.value,class:r({on:o.value===e.value})},[t(n(`input`,{"onUpdate:modelValue":d[0]||=e=>o.value=e,type:`radio`,class:`sr`,name:i(c),value:e.value},null,8,S),[[a,o.value]]),s(p(e.text),1)],2))),128))],8,x))}}),[[`__scopeId`,`data-v-86572d0f`]]),w=()=>location.hostname||`localhost`,T={claude:()=>`export CLAUDE_CODE_ENABLE_TELEMETRY=1
export OTEL_LOGS_EXPORTER=otlp
export OTEL_METRICS_EXPORTER=otlp
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export OTEL_EXPORTER_OTLP_ENDPOINT=http://${w()}:4318
claude`,sdk:()=>`export OTEL_SERVICE_NAME=my-app
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export OTEL_EXPORTER_OTLP_ENDPOINT=http://${w()}:4318`,cliproxy:()=>`receivers:
  cliproxy:
    endpoint: http://localhost:8317
    management_key: \${env:CLIPROXY_MANAGEMENT_KEY}
service:
  pipelines:
    traces:
      receivers: [otlp, cliproxy]`,curl:()=>{let e=Date.now();return`curl -sS http://${w()}:4318/v1/traces -H 'Content-Type: application/json' -d '{"resourceSpans":[{"resource":{"attributes":[
 {"key":"service.name","value":{"stringValue":"first-try"}}]},"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c",
 "spanId":"eee19b7ec3c1b174","name":"chat gpt-4o","kind":3,"startTimeUnixNano":"${e-1200}000000","endTimeUnixNano":"${e}000000","attributes":[
 {"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.provider.name","value":{"stringValue":"openai"}},
 {"key":"gen_ai.response.model","value":{"stringValue":"gpt-4o"}},{"key":"gen_ai.usage.input_tokens","value":{"intValue":"1200"}},
 {"key":"gen_ai.usage.output_tokens","value":{"intValue":"300"}}]}]}]}]}'`}},E={curl:(e,t)=>`curl -sS ${e}/chat/completions \\
  -H "Authorization: Bearer ${t}" \\
  -H "Content-Type: application/json" \\
  -d '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]}'`,openai:(e,t)=>`from openai import OpenAI

client = OpenAI(base_url="${e}", api_key="${t}")
answer = client.chat.completions.create(
    model="gpt-4o-mini", messages=[{"role": "user", "content": "Hello"}])
print(answer.choices[0].message.content)`,anthropic:(e,t)=>`from anthropic import Anthropic

client = Anthropic(base_url="${e.replace(/\/v1\/?$/,``)}", auth_token="${t}")
answer = client.messages.create(
    model="claude-sonnet-4-5", max_tokens=256, messages=[{"role": "user", "content": "Hello"}])
print(answer.content[0].text)`,env:(e,t)=>`export OPENAI_BASE_URL=${e}
export OPENAI_API_KEY=${t}
export ANTHROPIC_BASE_URL=${e.replace(/\/v1\/?$/,``)}
export ANTHROPIC_AUTH_TOKEN=${t}`},D=[`aria-label`],O={class:`sr`,role:`status`},k=h({__name:`CopyButton`,props:{text:{},primary:{type:Boolean},icon:{type:Boolean}},emits:[`copied`],setup(t,{emit:a}){let m=t,h=a,{t:g}=o(),_=c(!1),y=0;async function b(){try{await navigator.clipboard.writeText(m.text)}catch{let e=document.createElement(`textarea`);e.value=m.text,(document.querySelector(`.dialog`)??document.body).append(e),e.select(),document.execCommand(`copy`),e.remove()}_.value=!0,h(`copied`),clearTimeout(y),y=window.setTimeout(()=>_.value=!1,2e3)}return(a,o)=>(v(),f(`button`,{type:`button`,class:r([`btn small`,{primary:t.primary,square:t.icon,plain:t.icon}]),"aria-label":t.icon?i(g)(`copy`):void 0,onClick:b},[e(l,{name:_.value?`check`:`copy`},null,8,[`name`]),t.icon?d(``,!0):(v(),f(u,{key:0},[s(p(_.value?i(g)(`copied`):i(g)(`copy`)),1)],64)),n(`span`,O,p(_.value?i(g)(`copied`):``),1)],10,D))}}),A={class:`snippet`},j={class:`row spread`},M={class:`soft`},N=[`aria-label`],P=y(h({__name:`Snippet`,props:{text:{},label:{}},setup(t){return(r,i)=>(v(),f(`figure`,A,[n(`figcaption`,j,[n(`span`,M,p(t.label),1),e(k,{text:t.text,icon:``},null,8,[`text`])]),n(`pre`,{tabindex:`0`,"aria-label":t.label},[n(`code`,null,p(t.text),1)],8,N)]))}}),[[`__scopeId`,`data-v-bdf90495`]]);export{C as a,T as i,k as n,E as r,P as t};