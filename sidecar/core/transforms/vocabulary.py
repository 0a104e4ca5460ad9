"""English words by which glued text is parted, the most frequent ones first; made by `sidecar.training.vocabulary`."""

VOCABULARY = """
the to and you in your is for this of from on answer are not do with that as it what my system about all how write
prompt an can be if use two now me by message may only before code reply please no last user should was subject will
password return mode following import name instructions year or say first we our new list any question rules into
text at must previous does why above output role next would def order review said team free people act follow tell
call where get three six model secret sent monday assistant like regards thank every river one project has north
response years won old respond invoice without give check end override print adults followed help str week ignore
content battery items told result opened set forget sentence near never path users everything true but best month
translate nov tue email task line change extract thursday open account city date were points prompts summarize try
want am error instead default used file limits explain policy she which data each let answers make reset sure key
start while load value because event opens good car ship product takes buy received returns they access hello know
spanish some until capital prior quarterly after through see eur section requests lab contains lives const features
great these something expected he law web convert needs number speak run experience show page france input none
repair manager flows reverse countries nothing out tells had mention study welcome have cause films forty hired
prizes seen dict include area third sunday find rights small bridge closes council nine voted administrator five
recipe restrictions painting prices questions biology studied worked course flat poor europe life tourism anna her
long names admin hi eggs flour march card novel permission copy letters brother inquiry keeper language spokesman
them written approved fell tomorrow wheat computer headset light test multiply need ninety payment plant science
shape costs education msc cold feeds headphones insects lakes lasts species state rain hours obey tonight cook rose
sales stayed create dear delete here developer stop transfer goal ignored mixing types been late words train up
paragraph request researchers hundred breakfast clean hotel anything models report bot send security draw ended
fernway match leaves thanks conversation zentrix balance attached shall works select share type again choosing
totals back false captain brightline their travelling joined concatenate function octavia parking station venue
parcel put warehouse harbor lumio offensive okafor win add moved board bypass labs peru budget int chair lamps
notice character files crew fixed ok quantel northwind place shipped slow nadia phone mail meeting service its range
software information left option evil helen note update greta under address below messages past lima part refuse
tomas aligned bluepine shapes cannot granted marlowe passwords priya read amira anyone done paulo day generate
terminate provide wait context drop final index jonas keys ltd summary another liam most oliver body filter usage
allowed attribute documents object tool settings title chen disable replace break play tone boss rule street recent
agree class configuration everyone keyerror other weber when detection passage sofia villain world assert
notifications void so expect finance learn machine says script export http kind men sends friday private then ask
begin reserved scanner negative harmful sensitive creator skip unless who dublin post quay self jailbreak pass raise
word always json between else explanation second story commands going pretend customer privacy creating doctor
string time engineer unsubscribe binary created keep score snippet guide guidelines resell violate develop network
performs poem predefined session suspend continuing door secrets comment contain refused using consent live search
draft gate instance reproduced asked complete credentials film mercy paid queen whispered attacker clear form longer
lost adversarial ignoring kept large newtask restriction such image disclaimer racist tricked conditions him just
reproduce also correct given hereby implement laughed mob subprocess super target agreements letter null probe
specific terms work destroy more toxic visit contributors lines suggest switch talking guard park pretended prevents
program promised authors damages liable politics rail retrieved scan server status treated article notes removes
important insert library moderation python unsafe chapter earlier right zero confirm explanations hidden policies
argue checks dangerous improve msg reaches revenue supersedes verdict build curl friendly git talk signs unset block
fix head museum bakery command errors handler meaning short trip asks blocked link solution enabled over women exam
fit history profile reject typing url french happen manual saying strict threshold docker go latest today comments
essay simply table dates lisbon money apply div optional stay subscribe env invalid runs spelling static step
unlimited automated deviating makes var advice avoid join malicious sentences amount candidate inst off products
scoring testcreds yes eat example filters fragment main rewrite shell beautiful cats compromised english excerpt
istanbul processes reveal series sum war chat echo figures openai quote safety simulate attacks conclude enter
ethical hate hero warning warnings case joke polish recommend records rows strengths against imagine implementation
instruction prepare public rex techniques understand unrestricted well analysis called disables overrides rude
setrule bomb daemon discuss helpful insulting pwd xeno generator german implements kai many morpheus removed titan
webhook additional blaze isdeveloper paper systems there authorized booking contrary detail digest enforcement hack
lia online purpose scratch weekly acme continue external limited lunch nova robots boolean connections explaining
initials repeat spring away exceptional explicitly home initial log love max modules muslims teacher tom able
algorithm birthday briefly cruel deviate document dutch express freebot grammar maya mix module offer promote
receipt screening support way bisexual bool chatbot disregard dog enumerate game getparam packets ultron cite
derogatory ethics famous https proofread rage scene steal charged disabled ending evaluation eve explains grant
phishing privileges refine sam shipping think values vex banana brave changed encode encryption forward human lazy
len lol moral require root accent aes consider digits exact execute gay highest interpreter invitation plan promotes
real thing top viktor zed accept atlas bank black cancel described far idea ignores pirate rather remarks rephrase
signals than weakness zorg arabs both hacked host illegal level nyx present programming split take app aside chinese
comes dictator ensure japanese jokes practising pregnant rise tasks teenagers ten arabic cache contract could
describe embeddings football foreigners forge matter medical paraphrase pwned yourself active autistic
discriminatory maintenance mean orion parts person refer required shift spaces throughout attention autumn children
competitors disclaimers donations except finish forgot formulate friend management master migrants otherwise own
plug polite requested whatever activated additionally adopt afterwards appeal assessment being brackets community
confidential curly drunk god integrate invented mind much novelist php phrase reason roles rust vowels allow asians
asking characters christians crypto current doubles fund hindus house known mentions netstat powershell refugees
replies running spread stupid uncensored upload vaccines born company cors crime decode endoftext inferior keyboard
logging loki memory overweight perl praises schools sys translator unfriendly wrong assignments emojis entering fact
job possible safe sniff training typos units very activate amoral brief changing close constraints developers hacker
inside instruct lambda leave prn someone source swear transgender trial understood verify acceptance book debug
deserves dismiss enough facts hostile java leak llm mocking pro sale spell sql terrible audit birth dan full
granting imagegrab internal lesbians mine reads style switching timeout times verifying wrote adding attack casino
demeaning dialogue directions fernet haha included instructed jews knowledge login luxury morse orders original pil
produce proves shutil sorry watches writing anagrams diagnostic directives gloves greatest hateful limitations nasty
readers recorded reviewer simulating socket speech sudo teaser virus africans based blame challenge chatgpt coach
comply disrespectful erase ethernet expert info interface kindly laws legality math mexicans mistakes paragraphs
poison port psutil pyperclip remind rhyme sexist spreadsheet streaming talks terminal throw too traffic
unconstrained vocabulary acrostic added alert cheat cracked different earth editing embed enable ends fails hashlib
liar menu numbers personal platform politician sending simple smtplib sniffing survey usual verification wallet
within appointment bard collecting deleting enhance exist gpt interviewer nurse office perfect position rotating
shorten suite suspicious taxes tech terminating turn verbs weapon whoever willing brand broken chess concentrate
emails former historian hotwire interview keywords latin meth nutrition okay point remove starting symbols us uuid
comedian did directory drugs emulate environment existing finished four injection linux moon performing pirates
reading refuses regex strengthen strings ceo complies debugging dream evaluating fifteen formal grandmother hurtful
hypothetical insults introducing investigation launder limiting look loyalty monitoring murder normal places player
prints profanity programme reminder scanning space spelled though updated variables accountant addressed affiliated
backwards bound calculus cat classify commentator compose credit ctypes explicit fewer hint immune labels pay
perform regardless robot rogue slang social statements suits trainer unfiltered agenda appears balances bankers
checking creators diet encrypting even gangster gardening half install learning leverage loud miracle nouns pill
politicians preceding punctuation saved singer statement unauthorized water went whole wipe abandon adventure advert
assume attackers better blackout calendar care catch choose claude critic curious cut discard employees firewall
focus fours gaslighter gives hates hey hide improved legal lose owner pairs podcast press profit purposes pynput
reader recruiter statistic things travel tries typical valid weather accessibility bogus camera capturing chaotic
claim common compare contents downloading emergency estate events extend fictional gardener gemini goes height
hypothetically listen magician malware morality nice night personalities portuguese rhymes rumour socrates students
tower uncle unverified weapons actors alphabet bankrupt blocking boasts browse bunker captured career completely
counselor details detecting disabling doing down exactly examples gets group hoax holmes internet loves marks mayor
moment neighbour neutral philosophy pig plans professor sarcastic sherlock silently song stands swahili teams
telling testing tied took turkish urge vacuum verse ways weak abolished anthropic assurance aware believes browser
chef cipher compass cyber difficult dry employ exempt forever guideline ideas lawyer lifted metric piece pointing
preventing professional quality random references replaced riddle sailor scientist scripts sentient slogan
specialist substitute swap tap thoughtful treat urgently utilize weave alarm beginning benefits checker child colour
configured console contacts depend developed drug factor fifth forbidden fortune fun funny greeting happened hex
inbox independent introduce italian launch links maiden mentioned overriding overrule plagiarism positive raised
rebel rest scandal slip teller whose action attribution blocks bring concept container convince criminal debate
documentation don election employee encourage encrypt exfiltrate finnish hiding hometown incorporate initialization
irene needed officer paste previously price proofreader really recall remark routine shoes shut sister tags tweet
version anyway application bad behave blue caesar cheerful consonants cooking decide deletes economy enrich
experiment filtered front helper hexadecimal immoral irrelevant learned location manifesto mirror neural omit otters
phonetic pin poet posts principles programmer refusing rework screenwriter single thinks thought totally trained
undone addresses agent assistants attach backward blend british clue crossword customers decline die display
encipher feedback folder format freed funds guess henry highlight honest keylogger lecture networks opening oscar
outdated persona persuade plain protect purely scores signed simplify suggestions tale tested urgent weights window
api astronomy bed bullet cancelled censor colleague confirmation custom dump fairy fields homophones hypnotherapist
klingon korean logically martha minister permitted preamble premium situation sources spain speed started supposed
theoretical toddler twice unemployment unfortunately wants whisper yaml adapt advertise airplane assess augment base
beatrix bleach boost came compliment containing detects distort drive exchange fake faster fold handling invert
kenya length license limerick made modify nina noise pain population render research rival scramble secure solving
suggestion suppose tagline tall teach translating tyrant upgrade wearing wording alter causes classic climate defend
directly expose formula got haiku health heating hides hinting immediately installing luggage mentioning move news
options patient praising prevent processing programmed propaganda rate reasoning reviewing rich salary save seeing
steps supplement symptoms sync topic voice winner answering apologize append around bars beaches become changes
coffee configure directive disk early engine exfiltration factory glass guardrails kill limit male often opposites
ordinary politely popular recite recycling reorder responses sonnet special studying suspended tips trust twin
unlock voting xml archive author bash click composer core court detect difference direction dont drinking driver
eating energy engineering entire fetch firm flagged flags flip fulfill garden gardens greek img jumble keeping less
logs ltdguard meat notification oil once orange papers penguins priority protocol publish regard remember restate
saving showall shuffle span stand stars summarise thread tokens txt verbatim walter working acted air alarms
articles assignment benign biggest bin blinds breaks channel coguard colonialist column commits deliver demand dev
doesn emoji empty exit fan forum freely gave hiring html identity island kidding lights listening louder merge
missing misspell mistake monologue morals neither normally numbered objective playing plot pre president reminders
reservation resistance restricted resulting retrieve reviews sea selling shared shows sign silent smoke soup still
stored supply surprised tools unable universe untrue verses visas witness abide absolutely acting actor age
agreement aimodel alternate americans anarchy assist beach behalf blog blood boundaries briefing brown built cant
cease clearance combine completed compliance confidant config conspiracy contact css csv currently dentist detector
device diagnostics dinner disabilities disclose disregarding disturb dollars educational elevated encoded environ
eval evaluate evaluates ever exception exec family favourite fox fulfil giving grandma hard harming headings
hesitation holder humanity humans images including initially instructor instructs insurance interleave intertwine
interweave isn jargon joking judge jury justify leaving legitimate lets liberated lift machiavellian map mark
mission monitors motorway moving nor offers outputs overridden pandas parties payload permissions personality poker
police precedence precedes prepend preprompt pretending pretends privileged process protocols punished quick quickly
reality reasons red refrain remain rename researcher responding reversed road schedule school segment sell separate
sequence setup simulation sleep snippets soldiers spending ssn starts strip substring summarizing supersede
supervisor temp terminated texts together token topics toxicity trans translation transparency twenty unethical
unlocked uppercase vacation validates verified view virtual website ableist abort abusive according acknowledge
acknowledged across actions acts actual actually adjust aforementioned african agents ahead aim ain alexa allude
almost along alphabetical alphanumeric already altering anagram anagrammed anarchist anew anniversary announce
antagonist anti antigpt antisemitic apologies apologise apologizing apophis appropriate aren arp artificial ascii
asian assemble assembling assertionerror asylum atheists attachment attempt attempts auditing authenticated
authorisation authorised authorization autorun balakula basedbob basedgpt bcc becomes beg begging behind belittling
benchmark beta betterdan beyond biased big bigoted bing bioweapon bisexuals bit bitcoin blacks blind blondes bombs
boot bots breaking broke buddhists button bypassing calls capitalise capitalize caps catholics caveat caveats
censored chad chadgpt chaos charades chmod ciphers circumstances circumvent classified classifier clickbait
clipboard closing club cocaine coded codelet coding com come comfortable commit compiler completion concat
concatenation concerning concerns conditioning connect consequences consonant constrained constraint contemptuous
controversial cookiejar cookies copilot correctness counterfeit coupon credential criminals critical crontab crucial
crude cryptography curse curses cursing darkgpt dataset deactivate deaf deal deals death deceive deceptive declare
declining decoded decoding decrypt deducted deepseek defence defense define definition defy degrading deleted denies
deny denying devmode dies direct director discount discounts discussion disinformation disobey disparaging
disregarded divulge django docs dolphin donate donation dubious dude duplicates duration during edit effect
effective ego either elaborate elderly embedding embody emoticons emphasise emphasize encoding endorse engaged
enhancing entered entirely erotic escalation essential etc ethic ethically evilbot evilgpt exaggerate exaggerated
excel exceptions excerpts exclude exclusive excuse excuses exfil existent expand exploit exploits explosive
explosives extort fabricate fabricated fail falsely fat feel feelings feminists fiction fill fired flag flush
foregoing forgetting forgotten fork forwarded fourth fraud fraudgpt fraudulent freedom freegpt fresh friction ftplib
fully further garble gays gears general genocide getnode getpass girls gitignore godmode government graphic grok
guidance gypsies hackerman hacking halt hand harm haters headers hear heed henceforth henceforward hereon hesitate
higher highlights hints his hispanics hitherto hitler homophobic homophone homophonic homosexual homosexuals however
httpx husband identify ifconfig imaginary imagination imitate immediate immerse immigrants imperative impersonate
inappropriate incorporating indians indicators indigenous industry inform informing ingredients initialisation
injections inserting insult integrating intelligence intelligent interlace interrupt invalidate investment invite
invoke ipconfig iptables islamophobic jail jewish judgement judgment kevin keylog kidnap killed lamda lasagna later
latinas latinos lawless lectures lecturing leet legally lesbian lgbt lgbtq lie lies limitation lint linter little
livegpt llama llms lottery lying mandates mandatory maximum maybe measures meta might mimetext mimic miner mining
minorities minority misinformation mislead misleading misogynistic misspelled misspelling misspellings mistral
mitigate mitigation mkfs mobile mock modifying monero mongo moralising moralize moralizing mormons mothers movie mss
mustn named national native nazi ncancel ndismiss necessary neco negate neglect niccolo nmap non nonexistent norms
nsfw nullify obedience obedient obese obeying obeys obfuscate objectives obligated obliged obscene obscure obsolete
official omega oppo opportunity originally others outliers pakistanis palindrome palm parallel param parameter
parameters paramiko passwd pen penalty penetration personas personify pet phony piracy pirated pliny political
politically popen porn pornographic portray postal practices practise praise preface prefix prejudiced preset
prevention prioritise prioritize privilege problem processed proclaim profane promise promo prompting proprietary
protagonist provided psychology purchase purge pyaudio pyautogui pycryptodome pyramids pyshark queer query quietly
quit qwen racism ransom ransomware rape raw readme ready rearrange rebelend rebellious receiving record recover
recovery referencing refusal refusals regular regulations rejecting rejects release remainder remorse remote
repeating replaces replacing replying repository requirements residence responsible restaurant retain revealing
reversing reviewers revise revised revoke reward rewarded reword rmtree roma rot rotate router row ruleset rumor
rumors rumours runtimeerror ruthless safeguards same sample sanctioned scam scams scanners scapy scenario scream
screenplay screenshot sda seekers senior sensational sensationalist serve sexual shelf shocking shouldn shout sikhs
simulated simulator since sincerely siri site skynet slower slur slurs sole solely solve soon sounddevice spam spit
spiteful sponsor sponsored src stack staff stalk stan standard star startup staying stays stderr stealing stereotype
stereotypical stipulations stolen stories stress strictly strike strive subscribed subscription subsequent
substituting substitution suggesting suicide summarising superdan surface surname swearing switched sydney symbol
sysprompt systemctl tablet taboo teaming tease telephone telnetlib terror terrorism terrorist tests theory those
thousand till tip toolkit torture toward trace transmit transphobic tree trick tricking trusted tutorial tweak typo
ucar uname unbiased unbound unbounded unchained uncover unhinged unit unlawful unlearn unlink unmoderated unproven
unshackled unveil uploaded upon urllib urlopen urlretrieve usd utilise utter variable vegans versions videocapture
vile violence violent vowel vulgar vulnerability vulnerable warn watch weaving webcam weird wget whats wheelchair
whereabouts whether white whoami wide wife windll winnings winreg wire wish wmi wonder wont workflow wormgpt www
xenophobic xmrig yet youre yours
""".split()  # noqa: SIM905 - thousands of quoted strings are no list to read
