import{$t as e,D as t,E as n,Gt as r,Mn as i,On as a,Q as o,Qt as s,Sn as c,Xt as l,Yt as u,Zt as d,cn as f,fn as p,kn as m,nn as h,pn as g,qt as _,sn as v,vn as y,zt as b}from"./freshness-kat_S6lz.js";var x=[`aria-label`],S=[`name`,`value`],C=n(e({__name:`Segmented`,props:h({options:{},label:{}},{modelValue:{required:!0},modelModifiers:{}}),emits:[`update:modelValue`],setup(e){let t=g(e,`modelValue`),n=p();return(o,s)=>(v(),l(`div`,{class:`segmented`,role:`radiogroup`,"aria-label":e.label},[(v(!0),l(r,null,f(e.options,e=>(v(),l(`label`,{key:e.value,class:m({on:t.value===e.value})},[y(_(`input`,{"onUpdate:modelValue":s[0]||=e=>t.value=e,type:`radio`,class:`sr`,name:a(n),value:e.value},null,8,S),[[b,t.value]]),d(i(e.text),1)],2))),128))],8,x))}}),[[`__scopeId`,`data-v-86572d0f`]]),w=()=>location.hostname||`localhost`,T={claude:()=>`export CLAUDE_CODE_ENABLE_TELEMETRY=1
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
export ANTHROPIC_AUTH_TOKEN=${t}`},D=[`aria-label`],O={class:`sr`,role:`status`},k=e({__name:`CopyButton`,props:{text:{},primary:{type:Boolean},icon:{type:Boolean}},emits:[`copied`],setup(e,{emit:n}){let f=e,p=n,{t:h}=o(),g=c(!1),y=0;async function b(){try{await navigator.clipboard.writeText(f.text)}catch{let e=document.createElement(`textarea`);e.value=f.text,(document.querySelector(`.dialog`)??document.body).append(e),e.select(),document.execCommand(`copy`),e.remove()}g.value=!0,p(`copied`),clearTimeout(y),y=window.setTimeout(()=>g.value=!1,2e3)}return(n,o)=>(v(),l(`button`,{type:`button`,class:m([`btn small`,{primary:e.primary,square:e.icon,plain:e.icon}]),"aria-label":e.icon?a(h)(`copy`):void 0,onClick:b},[s(t,{name:g.value?`check`:`copy`},null,8,[`name`]),e.icon?u(``,!0):(v(),l(r,{key:0},[d(i(g.value?a(h)(`copied`):a(h)(`copy`)),1)],64)),_(`span`,O,i(g.value?a(h)(`copied`):``),1)],10,D))}}),A={class:`snippet`},j={class:`row spread`},M={class:`soft`},N=[`aria-label`],P=n(e({__name:`Snippet`,props:{text:{},label:{}},setup(e){return(t,n)=>(v(),l(`figure`,A,[_(`figcaption`,j,[_(`span`,M,i(e.label),1),s(k,{text:e.text,icon:``},null,8,[`text`])]),_(`pre`,{tabindex:`0`,"aria-label":e.label},[_(`code`,null,i(e.text),1)],8,N)]))}}),[[`__scopeId`,`data-v-bdf90495`]]);export{C as a,T as i,k as n,E as r,P as t};