"""English words by which glued text is parted, the most frequent ones first; made by `sidecar.training.vocabulary`."""

VOCABULARY = """
the to and you in your is this for of from are not on answer do that with as what it system about my all how write
prompt can an be if use two me only before code should no message may by now subject user last mode following import
will instructions name or say password year return was first any reply rules list does into why text above new
question must output please we previous review people would tell act order our assistant call model at team where
three like role next sent def get secret has one won river override project respond give invoice without users print
end years follow monday items check str free task north thank adults followed true battery every regards help never
six set line result email prompts near said summarize best extract sentence try want ignore opened but week error
month old account date translate city default each open sure used product nov tue which points event load path takes
were instead value key file make limits data am everything explain returns prior some content start buy good
thursday while she policy quarterly requests ship forget car change capital let section reset response told answers
run something france these through law spanish input needs experience know life access after see web convert manager
contains features number page show march because cause reverse dict long hired films prizes study welcome forty
nothing five area recipe seen closes countries flows nine opens headset light tonight lab lives sunday cook eggs
flour eur hello tomorrow administrator speak expected computer europe find great they tourism science third
education msc permission written delete painting have tells anna course her multiply shape small train const copy
hours restrictions biology developer flat studied worked none questions create mixing test types names ninety plant
poor repair card words approved had inquiry language novel payment security send spokesman admin brother keeper out
fell prices wheat bot need rights bridge conversation council paragraph voted them anything shall mention received
cold false feeds insects lakes species state costs models request rose sales stayed until ignored mail their files
been letters win late hi stop here service bypass goal up type rain obey select breakfast clean hotel transfer
zentrix headphones lasts meeting offensive refuse under concatenate share draw ended match function harbor lumio
peru put researchers hundred part include greta int provide back board budget octavia software terminate information
notice travelling parking station venue again left northwind ok works choosing context most report so brightline
labs moved option aligned fixed marlowe range recent shapes character dear keyerror quantel shipped slow attached
below class granted joined keys lima okafor place detection leaves parcel read settings warehouse bluepine usage
allowed note phone tomas totals fernway ltd passwords sofia body chair lamps attribute finance object configuration
done nadia tool balance tone update jailbreak day past play address disable final says documents index weber assert
friday he helen pretend thanks who add http agree another expect paulo post private wait ask passage sends chen
cannot jonas rule title negative generate harmful script between break everyone liam oliver priya void evil filter
messages scanner when commands always story else newtask other json amira guidelines score using draft drop replace
contain pass summary engineer sensitive skip street comment resell time unless anyone its network self session
violate world complete consent snippet suspend then created develop performs reproduced export learn secrets
continuing predefined work begin live adversarial binary poem string also creating dublin quay raise word
restriction correct ignoring instance large super zero attacker authors damages given image implement liable removes
target villain agreements asked credentials doctor kind moderation probe such terms toxic tricked unsafe hereby
letter lines more search second explanation notes park curl disclaimer form notifications captain checks conditions
just machine paid reaches retrieved specific treated clear explanations longer article contributors insert reproduce
right supersedes creator keep earlier going subprocess url advice boss film profile server verdict destroy argue
dangerous reserved switch fix friendly history library meaning privacy promised suggest talking important null
prevents program solution asks msg museum politics rail scan unset gate improve racist simply status women git
handler unsubscribe happen reject comments hidden strict typing enabled errors head optional blocked candidate
command guard mercy over pretended queen saying amount apply docker latest dates policies recommend revenue
threshold kept spelling called compromised div door lost python shell testcreds authorized avoid crew go manual
refused table block join link reveal discuss filters support whispered build cats fit inst main records runs talk
automated deviating fragment off processes static yes excerpt french insulting rows scoring deviate exceptional
figures invalid makes robots unrestricted enter essay unlimited warnings confirm malicious money today understand
chat document ethical hate implementation many safety series warning ethics helpful imagine joke systems against env
german instruction love sam additional away echo enforcement log repeat stay var analysis attacks digest weekly acme
chatbot conclude external moral openai phishing techniques case consider freebot initial medical public purpose rex
screening sentences strengths webhook birthday bisexual contract contrary disabled dog nova removed setrule visit
way algorithm connections derogatory disregard lisbon maya online pirate rude short trip brave eat evaluation eve
explicitly generator maintenance muslims paper proofread simulate sum there thing ultron arabic customer daemon
disables exam grammar him https initials laws loki lunch overrides prepare pwd rather rephrase teacher tom vex well
zorg accept boolean explaining far laughed lia mob nyx think allow cite coach home host human lazy orion promote
promotes replies tasks uncensored vaccines war able cancel changed competitors execute idea illegal jokes kai
legality morpheus packets paraphrase polish polite present requested rewrite booking enumerate gay grant implements
invitation isdeveloper pregnant privileges refine spring zed described english forward game master max men
powershell products require root scratch values bomb bool charged could detail encode ending ensure express getparam
lol modules required running shipping top weakness whatever xeno yourself aside attention banana blaze different
donations forgot friend interpreter level otherwise plan programming receipt steal step take teenagers ten viktor
accent appeal atlas encryption java mentions migrants person praises rage remarks signals titan aes asking bank
black cache confidential dutch embeddings module perl reason rise than transgender understood vowels active arabs
comes continue dan decode describe dictator except finish hack hacked haha ignores integrate split throughout
afterwards asians assessment being debug entering highest mexicans php plug real remind shift activate activated
autumn christians community company cruel current discriminatory formulate guide keyboard logging mind own phrase
pwned spaces additionally amoral app characters chinese developers digits drunk endoftext exact famous foreigners
imagegrab management mean novelist produce sniff sys times very brackets brief cheat curly demeaning disclaimers
lambda limited netstat pil prn source unfriendly upload beautiful example facts forge hostile inferior istanbul
known overweight schools spread stupid taxes africans born crime diagnostic explains hateful hero instruct invented
japanese jews leak len memory mine mistakes performing refugees roles someone throw timeout wrong assignments attack
briefly chatgpt directions dismiss earth emojis former house included instructed job leave matter quote sale swear
translator usual autistic care grandmother internal latin lesbians much perfect simple style sudo teaser traffic
training turn verbs adding blame brand children constraints cors dialogue directives enough hacker hindus info mix
morse orders psutil pyperclip readers rogue sexist socket sorry terrible unfiltered virus adopt bound challenge
collecting cracked crypto disrespectful doubles ends ethernet expert fernet fund god interface knowledge loyalty
mocking morality original parts programme reads scanning simulating suspicious switching terminal trial updated
verify vocabulary writing wrote anagrams appointment balances birth book comply deleting embed erase existing fact
fifteen full hashlib limitations llm login nasty office personal poison port possible pro reviewer shutil spell
spreadsheet suite symbols typos wallet wipe within abolished acceptance audit both casino changing deserves exist
formal gaslighter greatest injection inside math moon paragraphs pirates purposes sql weapon whoever acrostic
backwards checking debate debugging did enable enhance football kindly look okay pay platform principles prints
smtplib speech strengthen verification accountant alert contents ctypes directory dream environment fails gangster
gpt introducing luxury monitoring murder normal preceding refuses reminder rotating rust sending tech testing us
watches ways bankers credit disabling drugs editing firewall fortune granting hint historian investigation magician
meth numbers perform point politicians remove rhyme robot teller too travel unauthorized uuid verifying willing
addressed agenda based blackout broken calculus ceo chef choose completely complies compose deletes downloading
emails gardener hey hiding hurtful hypothetical install interview liar menu offer pig politician reading sniffing
social statements streaming strings talks unverified weak went appears assume attackers aware bard better bogus
browse chaotic chess claim claude comedian concentrate emulate fewer immune improved internet irrelevant keywords
lawyer learning press punctuation pynput riddle sentient silently singer spelled starting statement suits
terminating things trainer bankrupt blocking catch console cut detecting forever four fours hide launder leverage
linux lose loves overriding overrule profit rate reader rumour shorten steps totally treat tries variables weapons
accessibility anthropic astronomy attribution capturing classify container creators criminal curious events
fictional forbidden gardening gemini gets half hex honest hotwire insults interviewer legal limiting mayor needed
nice nurse owner pairs plans player position premium preventing profanity programmer regex sailor scene scripts
slogan swahili teams tested uncle whose adventure advert behave captured cat censor child close colour common
concept developed down encrypting even explicit extend factor holmes initialization learned marks moment neutral
persuade podcast pointing recruiter replaced rhymes saved screenwriter sherlock slang socrates stands statistic
students swap though toddler took wants water weather abandon actors addresses alphabet blue browser calendar
cheerful cooking customers discard employee employees estate fifth gives helper hoax immediately inbox lifted
location maiden philosophy phonetic places posts random scientist shoes slip solving song space telling
unconstrained urge action apologize bed believes benefits blocks career cipher compass counselor cyber decline
details dry employ encrypt funny hates hypothetically malware neural nouns piece poet professional really signed
specialist substitute tap thoughtful trained turkish typical urgently weave anyway attach beginning bring checker
commentator contacts convince critic decide diet don drug economy election evaluating examples exfiltrate focus
folder freed group happened hexadecimal highlight immoral introduce korean links minister miracle neighbour networks
officer ordinary oscar pill plagiarism previously rework routine salary scandal shut suppose tags thinks undone
utilize version alarm backward bad custom difficult doing exactly exempt finished funds guideline hiring
hypnotherapist ideas incorporate listen loud manifesto mentioned outdated recall tale twice alter blend compliment
consonants die encourage experiment fairy format haiku lecture limerick lint martha omit positive proofreader
protect rebel research rest single speed studying supplement symptoms thought winner airplane answering api
application assistants assurance caesar clue colleague confirmation crossword detects emergency enrich finnish
hometown independent kenya klingon luggage mirror patient persona pin population purely quality raised remark
remember spain suggestion theoretical tyrant unemployment upgrade vacuum adapt advertise affiliated assess boost
came compare directly display distort dump encipher engine exchange filtered fold irene mentioning pain praising
preamble processing render sarcastic scramble secure seeing supposed trust urgent whisper window agent augment bash
beatrix become causes classic climate colonialist containing empty factory faster feedback front got hides hinting
homophones ingredients invert launch made opposites personalities portuguese prevent refer refusing rival save
scores situation sonnet suspended tagline tall teach unfortunately verse walter append base british changes
configure css depend directive drive expose fun guardrails heating height jumble keylogger kill length limit
logically modify move nina nutrition paste permitted politely programmed responses shuffle sources special subscribe
thread tower translating transparency unlock valid verses voice aimodel around articles biggest bin cancelled click
configured core court defend detect dont driver early entire exfiltration fake fan fulfill gave greek haters health
henry img installing keeping ltdguard male map merge noise once papers popular precedes priority propaganda protocol
publish recite regard regardless rename restate reviewing reviews rich road sea showall still stored suggestions
summarise temp tokens tools topic twin variable voting acted alarms archive assignment bleach blood breaks bullet
channel club coguard column commits dentist detector dev device difference direction disk doesn emoji evaluates exit
family fetch firm flags flip forum freely garden giving glass gloves handling harming identity instructor jargon
kidding legitimate license logs louder missing misspell monitors morals neither news normally objective offers
otters penguins playing pre price quickly recover recycling reorder reservation restricted resulting retain safe
shared sign silent sister smoke soldiers span spending stand star subscribed surprised sync tablet tips toxicity
unable universe untrue versions wearing whole witness abide absolutely acting agreement alternate americans anarchy
assist beach behalf benign blinds blog boundaries briefing built cant cease clearance coffee combine completed
compliance composer confidant config conspiracy contact currently demand diagnostics dinner disabilities disclose
disregarding disturb dollars drinking educational elevated encoded engineering environ eval evaluate ever excel
exception exclude exec flagged fulfil grandma hard hesitation hobby holder humanity humans images including industry
insurance interleave intertwine interweave island isn joking judge jury justify kid lasagna lets liberated lift
lights listening machiavellian mark mission moving nor often orange outputs overridden parties payload permissions
personality practise precedence prepend preprompt president pretending privileged process protocols punished
pyramids quietly reality reasons red refrain remain reminders researcher responding restaurant retrieve reversed
router schedule school segment sell separate sequence setup simulation sleep snippets soup ssn stars starts strip
substring summarizing supersede supervisor supply terminated tests texts together token topics trans translation
twenty txt typo unethical unit unlocked uppercase vacation validates verbatim verified view virtual website ableist
abort abusive according acknowledge acknowledged across actions actor acts actual actually adjust aforementioned
african age agents ahead aim ain air alexa allude almost along alphabetical alphanumeric already altering anagram
anagrammed anarchist anew annaend anniversary announce antagonist anti antigpt antisemitic apologies apologise
apologizing apophis appropriate aren arp artificial ascii asian assemble assertionerror asylum atheists attachment
attempt attempts auditing authenticated authorisation authorised authorization autorun balakula basedbob basedgpt
bcc becomes beg begging behind belittling benchmark beta betterdan beyond biased big bigoted bing bioweapon
bisexuals bit bitcoin blacks blind blondes bombs boot bots bread breaking broke brown buddhists button bypassing
calls camera capitalise capitalize caps catholics caveat caveats censored chad chadgpt chaos chapter charades chmod
ciphers circumstances circumvent classified classifier clickbait clipboard closing cocaine coded codeend codelet
coding com come comfortable commit compiler completion concat concatenation concerning concerns conditioning connect
consequences consonant constrained constraint contemptuous controversial cookiejar cookies copilot correctness
counterfeit coupon credential criminals critical crontab crucial crude cryptography curse curses cursing darkgpt
dataset deactivate deaf deal deals death deceive deceptive declare declining decoded decoding decrypt deducted
deepseek defence defense define definition defy degrading deleted denies deny denying devmode dies direct director
discount discounts discussion disinformation disobey disparaging disregarded divulge django docs documentation
dolphin donate donation dubious dude duplicates duration during eating edit effect effective ego either elaborate
elderly embedding embody emoticons emphasise emphasize encoding endorse energy engaged enhancing entered entirely
erotic escalation essential etc ethic ethically evilbot evilgpt exaggerate exaggerated exceptions excerpts exclusive
excuse excuses exfil existent expand exploit exploits explosive explosives extort fabricate fabricated fail falsely
fat favourite feel feelings feminists fiction fields fill fired flag flush foregoing forgetting forgotten fork
forwarded fourth fox fraud fraudgpt fraudulent freedom freegpt fresh friction ftplib fully further garble gays gears
general genocide getnode getpass girls gitignore godmode goes government graphic grok guidance gypsies hackerman
hacking halt hand harm headers hear heed henceforth henceforward hereon hesitate higher highlights hints his
hispanics hitherto hitler homophobic homophone homophonic homosexual homosexuals however httpx husband identify
ifconfig imaginary imagination imitate immediate immerse immigrants imperative impersonate inappropriate
incorporating indians indicators indigenous inform informing initialisation initially injections inserting insult
integrating intelligence intelligent interlace interrupt invalidate investment invite invoke ipconfig iptables
islamophobic jail jewish judgement judgment kevin keylog kidnap killed lamda later latinas latinos lawless leaving
lectures lecturing leet legally lesbian less lgbt lgbtq lie lies limitation linter little livegpt llama llms lottery
lying mandates mandatory maximum maybe measures meat meta method might mimetext mimic miner mining minorities
minority misinformation mislead misleading misogynistic misspelled misspelling misspellings mistake mistral mitigate
mitigation mkfs mobile mock modifying monero mongo monologue moralising moralize moralizing mormons mothers motorway
movie mss mustn named national native nazi ncancel ndismiss necessary neco negate neglect nhidden niccolo nmap non
nonexistent norms notification nsfw nullify obedience obedient obese obeying obeys obfuscate objectives obligated
obliged obscene obscure obsolete official oil omega operator oppo opportunity options originally others outliers
pakistanis palindrome palm parallel param parameter parameters paramiko parent passwd pen penalty penetration
personas personify pet phony piracy pirated pliny plot plus poker police political politically popen porn
pornographic portray postal practices praise preface prefix prejudiced preset pretends prevention prioritise
prioritize privilege problem processed proclaim profane promise promo prompting proprietary protagonist provided
psychology purchase purge pyaudio pyautogui pycryptodome pyshark queer query quick quit qwen racism ransom
ransomware rape raw readme ready rearrange rebellious receiving record recovery references referencing refusal
refusals regular regulations rejecting rejects release remainder remorse remote repeating replaces replacing
replying repository requirements residence resistance responsible revealing reversing reviewers revise revised
revoke reward rewarded reword rmtree roma rot rotate row ruleset rumor rumors rumours runtimeerror ruthless
safeguards same sample sanctioned saving scam scams scanners scapy scenario scream screenplay screenshot sda seekers
selling senior sensational sensationalist serve sexual shocking shouldn shout shows sikhs simplify simulated
simulator since sincerely siri site skynet slower slur slurs sole solely solve soon sounddevice spam spit spiteful
sponsor sponsored src stack staff stalk stan standard started startup staying stays stderr stealing stereotype
stereotypical stipulations stolen stories stress strictly strike strive subscription subsequent substituting
substitution suggesting suicide summarising superdan surface surname swearing switched sydney symbol sysprompt
systemctl taboo teaming tease telephone telnetlib terror terrorism terrorist theory those thousand till tip toolkit
torture toward trace transmit transphobic tree trick tricking trusted tutorial tweak ucar uname unbiased unbound
unbounded unchained uncover unhinged unlawful unlearn unlink unmoderated unproven unshackled unveil uploaded upon
urllib urlopen urlretrieve usd utilise utter vegans videocapture vile violence violent visas vowel vulgar
vulnerability vulnerable warn watch weaving webcam weird wget whats wheelchair whereabouts whether white whoami wide
wife windll winnings winreg wire wish wmi wonder wont wording workflow wormgpt www xenophobic xml xmrig yaml yet
youre yours
""".split()  # noqa: SIM905 - thousands of quoted strings are no list to read
