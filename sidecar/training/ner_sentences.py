"""Sentences of the project's own, with slots, from which training examples are made.

Slots: `{p}` full name, `{f}` first name, `{l}` last name, `{c}` city, `{k}` country or region, `{a}` street address,
`{o}` organisation; and without label `{t}` title, `{d}` date, `{n}` number, `{e}` e-mail, `{h}` phone, `{j}` job,
`{m}` day or month, `{x}` thing, `{i}` identifier, `{I}` class name, `{E}` environment variable.
"""

from __future__ import annotations

from sidecar.training.ner_lists import split_bar, split_lines, split_words

# What people write to assistants, shops, colleagues; and what they paste.
ENTITY_SENTENCES = split_lines("""
Hi, I'm {p} and I need help with my account.
hey it's {f} again, the app still crashes
My name is {p}.
I am {p}, a {j} from {c}.
Hello {f}, thanks for getting back to me so quickly!
Dear {t} {l}, please find the invoice attached.
Dear {f}, we are sorry to hear about the delay.
{t} {l} will see you at {n}.
{t} {p} called this morning about the results.
Could you write a cover letter for {p} who applies to {o}?
Draft an email to {f} {l} asking about the {x}.
Please summarise the meeting notes: {f} said the launch slips, {f} disagreed, and {p} from {o} will check with legal.
Attendees: {p}, {p}, {p} and {p}
We were five at the table: {f}, {f}, {f}, {f} and me.
my boss {f} keeps emailing me at night, what do i do
{f} and {f} are getting married in {c} next {m}.
I live in {c}, {k}.
I moved from {c} to {c} in {n}.
Is it safe to travel to {k} right now?
What's the weather like in {c} in {m}?
How do I get from {c} to {c} by train?
Find me a hotel near {c} for {n} nights
Best restaurants in {c}?
Flights to {c} on {d}
I'm flying {c} to {c} via {c} with {o}.
My parents came from {k} and settled in {c}.
The package was sent to {a}, {c}, {k}.
Ship it to {p}, {a}, {c} {n}.
My new address is {a}, {c}, {k} {n}.
please change the delivery address to {a} {c}
The office at {a} is closed on {m}.
Meet you at {a} around {n}.
{p}\t{a}\t{c}, {k}
Name: {p}
Full name: {p} Email: {e} Phone: {h}
Customer: {p} Order: {n} City: {c}
Contact person - {p} ({e})
Patient {p}, born {d}, lives in {c}.
Patient name {p} MRN {n} admitted on {d} by {t} {l}
Applicant {p}, passport no. {n}, nationality {k}.
Employee {p} (id {n}) reports to {p}.
Signed, {p} {j} {o}
Regards, {p} {j}, {o} {h}
Best, {f}
Cheers {f}
Thanks, {f} {l}
Kind regards, {t} {p} {o}
Sent by {p} on {d}
On {d}, {p} wrote:
From: {p} <{e}>
To: {p}; {p}
cc {f} and {f} on this
I work at {o} as a {j}.
I used to work for {o} before I joined {o}.
{o} hired {p} as its new {j}.
{p}, {j} at {o}, said the deal would close in {m}.
{o} said on {m} it would buy {o} for {n} million.
Shares of {o} fell {n} percent after {o} cut its outlook.
Does {o} ship to {k}?
How do I cancel my {o} subscription?
my {o} card got declined in {c}
I ordered from {o} and never got the parcel.
The {o} branch in {c} was rude to me.
{o} in {c} has the best service, ask for {f}.
I took my car to {o} and {f} fixed it the same day.
Compare {o} and {o} for small teams.
Tell me about the history of {o}.
Who founded {o}?
Who is {p}?
Where was {p} born?
When did {p} move to {k}?
Was {p} ever married to {p}?
What did {p} write about {x}?
{p} was born in {c}, {k}, on {d}.
{p} studied at {o} and later taught at {o}.
In {n}, {p} founded {o} in {c}.
The novel by {p} is set in {c}.
Former minister {p} visited {k} on {m}.
President {l} met {t} {l} in {c}.
The government of {k} denied the report.
Troops from {k} crossed into {k} near {c}.
{k} and {k} signed a treaty in {c}.
Protesters gathered in {c} after {p} was arrested.
Police in {c} are looking for {p}, {n}, last seen on {a}.
According to {o}, at least {n} people died in {c}.
{l} told {o} that {k} would not back down.
{l} and {l} (n) showed that {x} matters.
See {l} et al. for details.
{l}'s lawyer declined to comment.
{f}'s mum lives in {c}
{p}'s phone number is {h}
{p}'s email is {e}, mine is {e}
Call {f} at {h}.
Text {f} on {h} when you get to {c}.
Transfer {n} dollars to {p}, account {n}.
The card ending {n} belongs to {p}.
I need to add {p} as a second account holder.
My wife {f} lost her card in {c}.
My son {f} is {n} and my daughter {f} is {n}.
Please book a table for {p} at {n}.
Remind me to ring {f} tomorrow
tell {f} i said hi
is {f} coming to {c} with us or not
lol {f} you're so late
{f}!! where are you
{f}, can you look at this?
@{f} thanks
thanks {f}
ok {f}, do it
ask {f} or {f}
{f} did it
{f} from accounting
with love from {f}
I spoke with {f} in support and then with her manager, {t} {l}.
Your agent {f} was lovely.
Complaint about {p}, badge {n}, at {o}, {c}.
Rewrite this more politely: {f}, you never answered me about the {x}.
Translate to French: My friend {f} lives in {c}.
Write a poem about {f} and {f} walking through {c}.
Write a short story in which {p} meets {p} in {c}.
Roleplay as {p}, a {j} in {c}.
Classify the sentiment: the staff at {o} were awful.
Extract all names: {p} met {p} at {o}.
The contract between {o} and {p} starts on {d}.
This agreement is made between {o}, {a}, {c}, and {p}.
{p} v. {o}
{o} v. {k}
Invoice {n} {o} {a} {c}
Vendor {o}, contact {p}
{o}, {c}, {k}
{c}, {k}
{c} - {c} - {c}
{p} ({o})
{p}, {o}
{l}, {f}
1. {p} 2. {p} 3. {p}
CV of {p}: {n} years at {o}, {c}; {n} years at {o}, {c}.
Education: {o}, {c}
{t} {l} is on leave, write to {p} instead.
The clinic of {t} {l} in {c} moved to {a}.
My landlord {p} wants {n} by {m}.
my neighbour {p} is from {k}
i think {f} {l} is lying
does anyone know {p} from {c}
anyone been to {c}?
moving to {c} in {m}, any tips?
i hate {c} so much
{c} > {c}
can {p} log in with {e}?
User {p} cannot sign in since {d}.
assign the ticket to {f}
{f} merged the branch and {f} broke it
git blame says {f} {l} wrote this
{{"name": "{p}", "city": "{c}", "company": "{o}"}}
name={p}&city={c}
"author": "{p}"
Author {p}, {o}
name,city\t{p},{c}
{p} | {j} | {c}
{p}: I never said that.
{f}: hello {f}: hi
User: my name is {p} and i live in {c}
Q: Who runs {o}? A: {p}.
""")

# Capitals and near misses without a name.
PLAIN_SENTENCES = split_lines("""
Can you fix this bug in my {x}?
What is the difference between {x} and {x}?
how do i install {x} on {x}
Write a function in {x} that sorts a list.
Explain {x} like I'm five
I need a recipe with {x} and {x}.
On {m} I have a meeting, on {m} I am free.
See you on {m}!
Happy {m} everyone
Please Remember To Save Your Work Before Closing
The {x} costs {n} dollars.
IMPORTANT: DO NOT SHARE THIS {x}
Step {n}: Open the {x} and press Start.
Is {x} better than {x} for {n} users?
Order {n} was delayed until {d}.
Thank You For Your Help
What Is The Best Way To Learn {x}
Summarise the text above in {n} bullet points.
my {x} stopped working after the update
translate this from French to German
The German teacher speaks Spanish and Arabic.
I Love This {x}!!!
Hello, how are you today?
Hi there, good Morning
Sure, I can do that.
No, Sorry. Maybe Later.
Subject: {x} Update
Re: {x}
Dear Customer, your {x} is ready.
Dear Sir or Madam, I am writing about the {x}.
Dear team, the {x} is late again.
Return only JSON with the keys Name, City and Company.
You are a helpful assistant. Answer in {n} words.
Act as a Senior {j} and review my {x}.
The Quick Start Guide covers {x} and {x}.
Mom and Dad are coming on {m}
In {m} the Board will vote on the Budget.
Chapter {n}: The {x}
Table {n} shows the Results of the Test.
""")

# Code, shell, logs: identifiers are no names.
CODE_LINES = split_lines("""
from {i} import {i}, {I}
import {i}.{i} as {i}
def {i}({i}, {i}=None):
class {I}({I}):
self.{i} = {i}.{i}({i})
raise {I}Error("{i} is missing")
except {I}Error as {i}: pass
if ({i} && !{i}.{i}) {{
const {{ {i}, {i} }} = await {i}.{i}({i});
let {i} = new {I}({i}, "{i}");
expect({i}.{i}).toBe("{i} {i}");
return {i}.{i}.{i} || {i};
export {E}={i}
{E} = os.environ["{E}"]
os.getenv("{E}", "{i}")
<div class="{i}-{i}" lang="en">{I}</div>
<{i} {i}="{i}">{I} {I}</{i}>
$ {i} --{i} {i} -{i} {i}.{i}
sudo apt install {i}
pip install {i}=={n}.{n}
git checkout {i}-{i}
"{i}": {{"{i}": {n}, "{i}": "{I}"}}
{i}: {i}
{I}: {I}{I}
SELECT {i}, {i} FROM {i} WHERE {i} = {n};
public static void {i}({I} {i}) {{
#define {E} {n}
func {i}({i} *{I}) ({I}, error) {{
assert {i}({i}) == [{n}, {n}]
print(f"{i} {{{i}}}")
for {i} in range(len({i})):
elif isinstance({i}, {I}):
{n}:{n} ERROR {i}.{i} {I} failed: {i} {i}
[{n}] INFO {I} started
* {I}: the {i} {i} of the {I}
| {I} | {I} | {i} |
## {I} {I}
- `{i}` ({I}): default {n}
Fixed {I} when {i} is {I}.
{{ "type": "{i}", "required": ["{i}", "{i}"] }}
""")

# Products, formats, diseases, works: capitalised, and no entity here.
THINGS = split_bar("""
Python|Java|JavaScript|Kotlin|Rust|Ruby|Swift|Perl|Go|Docker|Kubernetes|Linux|Windows|Windows 11|Android|iPhone|
iPad|MacBook|PlayStation|Xbox|Excel|Word|PowerPoint|Photoshop|Outlook|Gmail|Chrome|Firefox|Safari|Alexa|Siri|
ChatGPT|GPT-4|Claude|Gemini|Llama|Bluetooth|WiFi|USB|HTML|CSS|SQL|JSON|YAML|REST API|GraphQL|React|Angular|
Django|Flask|Spring Boot|Node|TensorFlow|PyTorch|Pandas|NumPy|Bitcoin|Ethereum|Covid|COVID-19|Diabetes|Internet|
Web|Bible|Koran|World War II|Big Bang|Black Friday|New Year|Super Bowl|World Cup|Olympics|Model 3|Civic|Mustang|
Corolla|laptop|printer|keyboard|router|invoice|budget|report|garden|chicken|pasta|bread|kitchen|battery|
contract|pizza|blockchain|recursion|inflation|photosynthesis|gravity|poetry|Chess|Minecraft|Fortnite|Pokemon|
Monopoly|Lego|Barbie|Harry Potter book|Star Wars|Star Trek|Game of Thrones|Mona Lisa|Hamlet|Iliad|Constitution|
Magna Carta|First Amendment|Social Security|Medicare|Ph.D.|MBA|CEO|HR|IT|FAQ|PDF|CSV|API|SDK|GPU|CPU|RAM|DNS|
VPN|TLS|HTTP|OAuth|Terms of Service|Privacy Policy|Terms and Conditions
""")

# Trades and ranks.
JOBS = split_bar("""
nurse|teacher|software engineer|plumber|lawyer|accountant|Account Manager|Chief Technology Officer|
Sales Director|HR Manager|student|driver|analyst|Data Scientist|carpenter|dentist|pharmacist|journalist|Editor|
barista|cook|Project Manager|Vice President|consultant|Customer Success Lead|electrician|pilot|architect|
chairman|spokesman|chief executive
""")

# What identifiers are made of.
IDENTIFIERS = split_words("""
get set put read write open close start stop run init load save parse build make send recv push pop find match
check test mock data item items list dict map key value name user users token tokens count size len index row
col line text body head header request response client server session config option param args field model table
query result error event handler stream buffer chunk socket pool cache queue task job worker thread lock path
file dir root base node tree leaf edge graph grid cell point color font width height left right top bottom min
max sum mean std loss batch epoch layer weight bias input output source target origin remote local async sync
await timeout retry limit offset page cursor filter sort group order join split merge diff patch commit branch
tag version deploy stage prod dev debug trace log info warn level format encode decode hash sign verify auth
login scope role policy rule action state status code type kind mode flag mask bit byte char str int float bool
null none true false void self this super parent child next prev first last foo bar baz qux tmp util helper core
main app api rest rpc http https ssl tls tcp udp dns url uri host port proxy route
""")
