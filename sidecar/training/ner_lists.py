"""Word lists of the project's own, for gazetteers and generated sentences: facts, written down by hand."""

from __future__ import annotations


def split_bar(text: str) -> list[str]:
    """Split a list whose items are parted by bars; line ends mean nothing."""
    return [item for item in text.replace("\n", "").split("|") if item]


def split_words(text: str) -> list[str]:
    """Split a list at white space."""
    return text.split()


def split_lines(text: str) -> list[str]:
    """Split a list with one item a line."""
    return text.strip().split("\n")


# Companies, agencies, parties, schools, clubs, bands, papers that people write about.
ORGANISATIONS = split_bar("""
Google|Microsoft|Apple|Amazon|Facebook|Meta|Twitter|Netflix|IBM|Intel|AMD|Nvidia|Oracle|SAP|Salesforce|Adobe|
Cisco|Dell|HP|Hewlett Packard|Hewlett-Packard|Lenovo|Sony|Samsung|LG|Panasonic|Toshiba|Hitachi|Nintendo|Sega|
Nokia|Ericsson|Motorola|BlackBerry|Huawei|Xiaomi|Alibaba|Tencent|Baidu|ByteDance|TikTok|Yahoo|AOL|eBay|PayPal|
Stripe|Uber|Lyft|Airbnb|Spotify|YouTube|Instagram|WhatsApp|Snapchat|LinkedIn|Reddit|Pinterest|Dropbox|GitHub|
GitLab|Slack|Zoom|Shopify|Square|Tesla|SpaceX|OpenAI|Anthropic|DeepMind|Mistral|Cohere|Hugging Face|
Stability AI|Databricks|Snowflake|Palantir|Cloudflare|Akamai|VMware|Red Hat|Canonical|Mozilla|Wikipedia|
Wikimedia Foundation|Apache Software Foundation|Linux Foundation|Atlassian|Twilio|Okta|Zendesk|HubSpot|Workday|
ServiceNow|Splunk|Datadog|MongoDB|Elastic|Confluent|HashiCorp|DoorDash|Instacart|Grubhub|Expedia|Booking|
TripAdvisor|Yelp|Zillow|Craigslist|Groupon|Etsy|Wayfair|Walmart|Wal-Mart|Target|Costco|Kroger|Walgreens|CVS|
Home Depot|Lowe's|Best Buy|Macy's|Nordstrom|Sears|Kmart|JCPenney|IKEA|Tesco|Sainsbury's|Aldi|Lidl|Carrefour|
Marks & Spencer|Starbucks|McDonald's|Burger King|Wendy's|Subway|KFC|Taco Bell|Pizza Hut|Domino's|Papa John's|
Chipotle|Dunkin|Dunkin Donuts|Applebee's|Olive Garden|Denny's|Coca-Cola|Pepsi|PepsiCo|Nestle|Unilever|
Procter & Gamble|Kraft|Heinz|General Mills|Kellogg|Mars|Danone|Heineken|Budweiser|Nike|Adidas|Puma|Reebok|Gap|
Zara|H&M|Gucci|Prada|Louis Vuitton|Chanel|Rolex|L'Oreal|Johnson & Johnson|Pfizer|Moderna|Merck|Novartis|Roche|
Bayer|GlaxoSmithKline|AstraZeneca|Sanofi|Eli Lilly|Abbott|Amgen|Genentech|Medtronic|Kaiser Permanente|
Blue Cross|Aetna|Cigna|UnitedHealth|Humana|Ford|General Motors|GM|Chrysler|Toyota|Honda|Nissan|Mazda|Subaru|
Mitsubishi|Hyundai|Kia|Volkswagen|Audi|BMW|Mercedes|Mercedes-Benz|Daimler|Porsche|Ferrari|Fiat|Renault|Peugeot|
Volvo|Jaguar|Land Rover|Harley-Davidson|Boeing|Airbus|Lockheed Martin|Northrop Grumman|Raytheon|
General Dynamics|Halliburton|Bechtel|Blackwater|BAE Systems|Rolls-Royce|General Electric|GE|Siemens|Philips|
Bosch|Honeywell|3M|Caterpillar|John Deere|DuPont|Dow Chemical|BASF|Exxon|ExxonMobil|Exxon Mobil|Shell|
Royal Dutch Shell|BP|Chevron|Texaco|ConocoPhillips|Total|Gazprom|Lukoil|Aramco|Enron|Dynegy|Reliant|Duke Energy|
El Paso|Williams|Calpine|PG&E|Southern California Edison|Con Edison|Entergy|Exelon|Delta|Delta Airlines|
United Airlines|American Airlines|Southwest|Southwest Airlines|JetBlue|Continental Airlines|Northwest Airlines|
British Airways|Lufthansa|Air France|KLM|Ryanair|EasyJet|Emirates|Qantas|Qatar Airways|Singapore Airlines|FedEx|
UPS|DHL|USPS|Amtrak|Greyhound|Hertz|Avis|Enterprise|Marriott|Hilton|Hyatt|Sheraton|Holiday Inn|Best Western|
Carnival|Royal Caribbean|Disney|Walt Disney|Pixar|Universal|Universal Studios|Warner Bros|Warner Brothers|
Time Warner|Paramount|MGM|20th Century Fox|DreamWorks|Comcast|Verizon|AT&T|T-Mobile|Sprint|Vodafone|Orange|
Deutsche Telekom|BT|Telefonica|DirecTV|Dish Network|Time Warner Cable|Cox|JPMorgan|JP Morgan|J.P. Morgan|Chase|
Bank of America|Citibank|Citigroup|Wells Fargo|Goldman Sachs|Morgan Stanley|Merrill Lynch|Lehman Brothers|
Bear Stearns|Credit Suisse|UBS|Deutsche Bank|Barclays|HSBC|Lloyds|RBS|NatWest|Santander|BNP Paribas|
Societe Generale|ING|American Express|Visa|MasterCard|Mastercard|Capital One|Discover|Fidelity|Vanguard|
Charles Schwab|BlackRock|Berkshire Hathaway|AIG|Allstate|State Farm|Geico|MetLife|Prudential|Allianz|AXA|
Moody's|Standard & Poor's|Fitch|Deloitte|KPMG|PwC|PricewaterhouseCoopers|Ernst & Young|EY|Arthur Andersen|
Accenture|McKinsey|Boston Consulting Group|Bain|Nasdaq|NYSE|New York Stock Exchange|Federal Reserve|Fed|
World Bank|IMF|International Monetary Fund|WTO|World Trade Organization|ECB|European Central Bank|
Bank of England|BBC|CNN|NBC|CBS|ABC|Fox News|Fox|MSNBC|PBS|NPR|HBO|ESPN|MTV|CNBC|C-SPAN|Al Jazeera|Al-Jazeera|
Reuters|Associated Press|AP|AFP|Agence France-Presse|Bloomberg|New York Times|The New York Times|NY Times|
Washington Post|The Washington Post|Wall Street Journal|The Wall Street Journal|USA Today|Los Angeles Times|
LA Times|Chicago Tribune|Boston Globe|San Francisco Chronicle|Houston Chronicle|Miami Herald|The Guardian|
Guardian|The Times|Daily Telegraph|Daily Mail|The Independent|The Sun|Financial Times|The Economist|Economist|
Time Magazine|Newsweek|Forbes|Fortune|Le Monde|Der Spiegel|El Pais|Haaretz|Jerusalem Post|Xinhua|Pravda|TASS|
Slate|Salon|Huffington Post|BuzzFeed|Politico|Vox|Wired|TechCrunch|National Geographic|Rolling Stone|Playboy|
Vogue|CIA|FBI|NSA|DEA|ATF|DHS|TSA|ICE|FEMA|IRS|SEC|FCC|FTC|FDA|EPA|CDC|NIH|NASA|NOAA|FAA|DOJ|DOD|DOE|HHS|USDA|
VA|OSHA|FERC|CPUC|ISO|NERC|GAO|CFTC|DMV|NYPD|LAPD|Pentagon|White House|State Department|Department of Defense|
Defense Department|Department of Justice|Justice Department|Department of State|Department of Energy|
Treasury Department|Homeland Security|Department of Homeland Security|Supreme Court|Congress|Senate|
House of Representatives|House of Commons|House of Lords|Parliament|Knesset|Duma|Kremlin|Bundestag|Politburo|
Scotland Yard|MI5|MI6|KGB|FSB|GRU|Mossad|IDF|ISI|RAW|Interpol|Europol|NATO|UN|U.N.|United Nations|UNESCO|UNICEF|
UNHCR|WHO|World Health Organization|IAEA|OPEC|EU|European Union|European Commission|European Parliament|ASEAN|
OSCE|OECD|African Union|Arab League|ICC|International Criminal Court|Red Cross|
International Committee of the Red Cross|Amnesty International|Human Rights Watch|Greenpeace|Oxfam|
Doctors Without Borders|Salvation Army|Peace Corps|ACLU|NAACP|NRA|AARP|AFL-CIO|YMCA|Planned Parenthood|
Sierra Club|WWF|PETA|Habitat for Humanity|Rotary Club|Boy Scouts|Girl Scouts|Al Qaeda|al-Qaeda|al Qaeda|
Al-Qaida|al-Qaida|Taliban|Hamas|Hezbollah|Hizbullah|Hizballah|Fatah|PLO|Islamic Jihad|Muslim Brotherhood|ISIS|
ISIL|Boko Haram|IRA|ETA|FARC|LTTE|Tamil Tigers|PKK|Baath Party|Ba'ath Party|Mahdi Army|Badr Organization|
Lashkar-e-Taiba|Jaish-e-Mohammed|Khmer Rouge|Republican Party|Democratic Party|GOP|Labour Party|Labour|
Conservative Party|Tories|Liberal Democrats|Green Party|Libertarian Party|Communist Party|BJP|Likud|Kadima|SDP|
CDU|SPD|ANC|African National Congress|Sinn Fein|Harvard|Harvard University|Yale|Yale University|Princeton|
Princeton University|Stanford|Stanford University|MIT|Caltech|Columbia University|Cornell|Cornell University|
Brown University|Dartmouth|UPenn|University of Pennsylvania|Duke University|Johns Hopkins|
Johns Hopkins University|Georgetown University|UCLA|USC|UC Berkeley|University of California|
University of Texas|University of Michigan|University of Chicago|Northwestern University|NYU|
New York University|Boston University|Rice University|Texas A&M|Penn State|Ohio State|Carnegie Mellon|
Oxford University|University of Oxford|Cambridge University|University of Cambridge|Imperial College|
London School of Economics|LSE|University College London|King's College London|University of Edinburgh|
McGill University|University of Toronto|ETH Zurich|Sorbonne|Tsinghua University|Peking University|
University of Tokyo|Seoul National University|NUS|IIT|Brookings Institution|Heritage Foundation|Cato Institute|
RAND|RAND Corporation|Ford Foundation|Gates Foundation|Rockefeller Foundation|Carnegie Endowment|
Council on Foreign Relations|Smithsonian|Smithsonian Institution|Royal Society|Academy of Sciences|IEEE|ACM|
AAAI|ACL|W3C|IETF|CERN|ESA|European Space Agency|NFL|NBA|MLB|NHL|MLS|NCAA|FIFA|UEFA|IOC|WWE|UFC|PGA|Yankees|
New York Yankees|Red Sox|Boston Red Sox|Mets|Cubs|White Sox|Dodgers|Giants|Cardinals|Braves|Phillies|Astros|
Rangers|Mariners|Lakers|Celtics|Knicks|Bulls|Heat|Spurs|Rockets|Mavericks|Warriors|Clippers|Cavaliers|Pistons|
Cowboys|Dallas Cowboys|Patriots|Steelers|Packers|Bears|Eagles|Redskins|Broncos|Raiders|49ers|Seahawks|Saints|
Colts|Jets|Dolphins|Bills|Ravens|Bengals|Browns|Titans|Texans|Vikings|Lions|Falcons|Panthers|Buccaneers|
Chargers|Chiefs|Maple Leafs|Canadiens|Bruins|Blackhawks|Penguins|Flyers|Red Wings|Canucks|Oilers|
Manchester United|Man United|Man Utd|Manchester City|Man City|Arsenal|Chelsea|Liverpool FC|Tottenham|Everton|
Newcastle United|Aston Villa|West Ham|Leeds United|Real Madrid|Barcelona FC|FC Barcelona|Atletico Madrid|
Juventus|AC Milan|Inter Milan|Bayern Munich|Borussia Dortmund|Ajax|PSG|Celtic|Boca Juniors|River Plate|Beatles|
The Beatles|Rolling Stones|The Rolling Stones|Pink Floyd|Led Zeppelin|Queen|U2|Coldplay|Radiohead|Nirvana|
Metallica|AC/DC|Pearl Jam|Green Day|Oasis|Blur|Depeche Mode|Backstreet Boys|One Direction|BTS|Black Sabbath|
Deep Purple|Iron Maiden|Fleetwood Mac|The Who|The Doors|Beach Boys|Aerosmith|Bon Jovi|Guns N' Roses|Linkin Park|
Maroon 5|Arctic Monkeys|Muse|Paramore|Fall Out Boy|Jonas Brothers|Black Eyed Peas|Wu-Tang Clan|Public Enemy|
Outkast|Sony Music|Universal Music|EMI|Warner Music|Columbia Records|Atlantic Records|Capitol Records|Motown|
Def Jam|Penguin|Random House|HarperCollins|Simon & Schuster|Macmillan|Springer|Elsevier|Wiley|O'Reilly|
Oxford University Press|Cambridge University Press|Marvel|Marvel Comics|DC Comics|Electronic Arts|EA|Activision|
Blizzard|Ubisoft|Valve|Rockstar|Bungie|Epic Games|Bell Labs|Xerox|Xerox PARC|Kodak|Fujifilm|Canon|Nikon|
Texas Instruments|Qualcomm|Broadcom|Micron|Sun Microsystems|Silicon Graphics|Netscape|Compaq|Gateway|Atari|
Commodore|Novell|Lotus|Borland|Symantec|McAfee|Kaspersky|Norton|Petco|PetSmart|Verizon Wireless|U-Haul|
Jiffy Lube|Midas|AutoZone|Radio Shack|Barnes & Noble|Borders|Blockbuster|Office Depot|Staples|OfficeMax|
Whole Foods|Trader Joe's|Safeway|Publix|7-Eleven|Supercuts|Massage Envy|Planet Fitness|Gold's Gym|
Weight Watchers|H&R Block|Century 21|RE/MAX|Remax|Coldwell Banker|Western Union|MoneyGram
""")

# Regions, waters, mountains, quarters, sights and short forms that city lists leave out.
PLACES = split_bar("""
Europe|Asia|Africa|North America|South America|Latin America|Central America|Antarctica|Oceania|Australia|
Eurasia|Middle East|Mideast|Near East|Far East|Southeast Asia|South Asia|East Asia|Central Asia|East Africa|
West Africa|North Africa|South Africa|Sub-Saharan Africa|Eastern Europe|Western Europe|Central Europe|
Northern Europe|Scandinavia|Balkans|Caucasus|Caribbean|West Indies|Mediterranean|Persian Gulf|Gulf|Gulf Coast|
Gulf of Mexico|Red Sea|Black Sea|Dead Sea|Caspian Sea|North Sea|Baltic Sea|South China Sea|Pacific|
Pacific Ocean|Atlantic|Atlantic Ocean|Indian Ocean|Arctic|Arctic Ocean|English Channel|Suez Canal|Panama Canal|
Strait of Hormuz|Amazon River|Nile|Rhine|Danube|Thames|Seine|Volga|Ganges|Indus|Mekong|Yangtze|Yellow River|
Mississippi River|Missouri River|Colorado River|Rio Grande|Hudson River|Potomac|Euphrates|Tigris|Jordan River|
Lake Michigan|Lake Superior|Lake Erie|Lake Ontario|Great Lakes|Great Salt Lake|Lake Tahoe|Alps|Himalayas|Andes|
Rockies|Rocky Mountains|Appalachians|Pyrenees|Urals|Mount Everest|Everest|Mt. Everest|Mount Fuji|Kilimanjaro|
Mars|Moon|Earth|Jupiter|Saturn|Venus|Mercury|Pluto|Sahara|Gobi Desert|Sinai|Golan Heights|Golan|West Bank|Gaza|
Gaza Strip|Palestine|Kashmir|Kurdistan|Chechnya|Dagestan|Crimea|Donbas|Transnistria|Kosovo|Tibet|Xinjiang|
Manchuria|Siberia|Punjab|Sindh|Balochistan|Waziristan|Bengal|Kerala|Tamil Nadu|Karnataka|Maharashtra|Gujarat|
Rajasthan|Uttar Pradesh|Bihar|Assam|Darfur|Fallujah|Falluja|Najaf|Karbala|Tikrit|Ramadi|Mosul|Kirkuk|Basra|
Samarra|Sadr City|Green Zone|Anbar|Helmand|Kandahar|Tora Bora|Guantanamo|Guantanamo Bay|Abu Ghraib|England|
Scotland|Wales|Northern Ireland|Great Britain|Britain|UK|U.K.|USA|U.S.A.|US|U.S.|United States|
United States of America|America|the States|Soviet Union|USSR|U.S.S.R.|Yugoslavia|Czechoslovakia|East Germany|
West Germany|Prussia|Ottoman Empire|Roman Empire|Holland|Burma|Persia|Mesopotamia|Ceylon|Zaire|Rhodesia|Korea|
North Korea|South Korea|DPRK|PRC|Russia|Iran|Syria|Vietnam|Taiwan|Hong Kong|Macau|Tahiti|Bali|Java|Sumatra|
Borneo|Hawaii|Maui|Oahu|Kauai|Alaska|Puerto Rico|Guam|Bermuda|Bahamas|Jamaica|Cuba|Haiti|Greenland|Iceland|
Bavaria|Saxony|Catalonia|Basque Country|Andalusia|Galicia|Sicily|Sardinia|Tuscany|Lombardy|Brittany|Normandy|
Provence|Alsace|Flanders|Wallonia|Transylvania|Galilee|Judea|Lapland|Yorkshire|Lancashire|Kent|Essex|Sussex|
Surrey|Cornwall|Devon|Norfolk|Suffolk|Hampshire|Midlands|Highlands|New England|Midwest|West Coast|East Coast|
Deep South|Bay Area|Silicon Valley|Southern California|Northern California|SoCal|NorCal|Orange County|
San Fernando Valley|Napa Valley|Napa|Hollywood|Beverly Hills|Malibu|Brooklyn|Manhattan|Queens|Bronx|The Bronx|
Staten Island|Harlem|Long Island|Hamptons|Wall Street|Broadway|Times Square|Central Park|Ground Zero|
Madison Square Garden|World Trade Center|Twin Towers|Statue of Liberty|Golden Gate Bridge|Alcatraz|Disneyland|
Disney World|Las Vegas Strip|Grand Canyon|Yellowstone|Yosemite|Niagara Falls|Mount Rushmore|Capitol Hill|
Arlington|Washington|Washington DC|Washington D.C.|Washington, D.C.|D.C.|DC|NYC|NY|LA|L.A.|SF|Philly|Vegas|Nola|
Chi-town|ATL|Jersey|Cali|Tex|Calif.|Fla.|Mass.|Pa.|Va.|Conn.|Ill.|Mich.|Ore.|Ariz.|Okla.|Tenn.|Soho|Chinatown|
Downtown|Midtown|Westminster|Heathrow|Gatwick|JFK|LAX|O'Hare|Piccadilly|Trafalgar Square|Hyde Park|Camden|
Shoreditch|Canary Wharf|Big Ben|Tower of London|Buckingham Palace|Stonehenge|Eiffel Tower|Louvre|Champs-Elysees|
Montmartre|Versailles|Colosseum|Vatican|Vatican City|Red Square|Taj Mahal|Great Wall|Great Wall of China|
Forbidden City|Tiananmen Square|Tiananmen|Pyramids|Angkor Wat|Machu Picchu|Sydney Opera House|
Great Barrier Reef|Queensland|Victoria|New South Wales|Tasmania|Western Australia|Ontario|Quebec|
British Columbia|Alberta|Saskatchewan|Manitoba|Nova Scotia|New Brunswick|Newfoundland|Yukon|Patagonia|Yucatan|
Oaxaca|Chiapas|Galapagos|Easter Island|Chernobyl|Fukushima|Hiroshima|Nagasaki|Auschwitz|Pearl Harbor|
Normandy Beach|Okinawa|Hokkaido|Kyushu|Honshu|Mindanao|Luzon|Cebu|Aceh|Timor|East Timor|Papua|Bangalore|Bombay|
Madras|Calcutta|Peking|Saigon|Leningrad|Stalingrad|Constantinople|Baghdad|Tehran|Kabul|Damascus|Beirut|
Jerusalem|Tel Aviv|Ramallah|Amman|Riyadh|Mecca|Medina|Doha|Dubai|Abu Dhabi|Kuwait|Bahrain|Oman|Yemen|Sanaa|Aden
""")

# Peoples, faiths and parties: not entities themselves, often beside one.
DEMONYMS = split_words("""
american british english scottish welsh irish french german italian spanish portuguese dutch belgian swiss
austrian danish swedish norwegian finnish icelandic polish czech slovak hungarian romanian bulgarian serbian
croatian bosnian slovenian albanian macedonian greek turkish russian ukrainian belarusian estonian latvian
lithuanian georgian armenian azerbaijani kazakh uzbek chechen kurdish israeli palestinian arab arabic lebanese
syrian jordanian iraqi iranian persian saudi yemeni omani kuwaiti qatari emirati egyptian libyan tunisian
algerian moroccan sudanese ethiopian somali kenyan ugandan tanzanian rwandan nigerian ghanaian senegalese malian
congolese angolan zimbabwean african asian european indian pakistani bangladeshi afghan nepali tibetan burmese
thai vietnamese cambodian laotian malaysian indonesian filipino singaporean chinese taiwanese japanese korean
mongolian australian zealander canadian mexican cuban jamaican haitian dominican brazilian argentine argentinian
chilean peruvian bolivian colombian venezuelan ecuadorian latin latino hispanic jewish muslim christian catholic
protestant orthodox buddhist hindu sikh sunni shiite shia mormon baptist islamic hebrew mandarin cantonese hindi
urdu tamil bengali punjabi texan californian hawaiian sicilian americans germans russians iraqis israelis
palestinians arabs jews muslims christians kurds sunnis shiites iranians indians pakistanis africans europeans
brits canadians mexicans republicans democrats republican democrat
""")

# What stands before a person's name.
TITLES = split_words("""
mr mrs ms miss mx dr prof professor sir madam madame lord lady dame rev reverend fr father sister brother rabbi
imam sheikh sheik pastor bishop pope cardinal archbishop king queen prince princess duke duchess baron count
president premier chancellor minister secretary senator sen congressman congresswoman rep governor gov mayor
ambassador judge justice general gen colonel col major maj captain capt lieutenant lt sergeant sgt corporal cpl
private pvt admiral commander officer detective inspector agent coach uncle aunt auntie grandma grandpa mom dad
señor señora herr frau monsieur mademoiselle mme ayatollah mullah saint st emperor sultan shah hon honorable
doctor nurse chef ceo cfo cto chairman director spokesman spokeswoman actor actress singer author poet writer
""")

# What names of organisations are made with.
ORGANISATION_WORDS = split_words("""
inc incorporated corp corporation co company llc ltd limited plc gmbh ag sa nv bv spa srl kk lp llp group
holdings holding partners associates bros brothers sons enterprises industries international global systems
technologies technology solutions services consulting capital ventures bank bancorp trust insurance airlines
airways motors pharmaceuticals labs laboratories laboratory studios records pictures entertainment media press
publishing times post journal herald tribune gazette news network university college school academy institute
institution hospital clinic church ministry department dept agency bureau commission committee council board
authority office association society federation union league club foundation fund organization organisation
party congress parliament senate court army navy police force team united fc restaurant cafe bar grill pizza
hotel inn salon store shop market center centre museum library theatre theater band orchestra choir
""")

# What names of places are made with.
PLACE_WORDS = split_words("""
street st avenue ave road rd boulevard blvd lane ln drive dr court square plaza park bridge tower palace castle
airport station harbor port bay beach island islands isle lake river creek sea ocean gulf strait canal mountain
mountains mount mt hill hills valley canyon desert forest peninsula cape coast province state county district
region territory republic kingdom city town village north south east west northern southern eastern western
central upper lower new san santa los las el la fort
""")

# Capitalised, and never a name by themselves.
CALENDAR = split_words("""
monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun january
february march april may june july august september october november december jan feb mar apr jun jul aug sep
sept oct nov dec christmas easter thanksgiving halloween ramadan hanukkah
""")

# What generated organisations end with.
ORGANISATION_SUFFIXES = split_bar("""
Inc|Inc.|Corp|Corp.|LLC|Ltd|Ltd.|Group|Holdings|Partners|Industries|Technologies|Solutions|Systems|Labs|Capital|
Bank|Insurance|Motors|Foods|Pharma|Energy|Airlines|Logistics|Consulting|Media|Studios|University|College|
Institute|Foundation|Hospital|Medical Center|Restaurant|Cafe|GmbH|AG|PLC|S.A.|and Sons|& Co|& Co.|Associates|
Services|International|Software|Analytics|Robotics|Health|Clinic|School|Academy|Church|FC|United|Press|News|
Times|Records|Hotel|Grill|Pizza
""")

# What follows a city in an organisation's name.
ORGANISATIONS_OF_A_CITY = split_bar("""
University|Bank|General Hospital|Police Department|City Council|High School|Chamber of Commerce|Times|Post|
Airlines|United|FC|Public Library
""")

# What made-up brands begin with.
BRAND_HEADS = split_words("""
Blue Green Bright North Summit Apex Nova Silver Iron Pacific Global First National United Omni Quantum Red Open
Clear Prime Royal Golden Fresh Happy Smart Rapid Delta Alpha Terra Aqua Solar Urban
""")

# What they end with; small ones are joined.
BRAND_TAILS = split_words("""
wave path stone field bridge light leaf point tech soft works ware net data cloud logic mind Star Rock Oak River
Peak Fox Bear Eagle Horizon Valley Garden House Health Money Systems
""")

# What English street names end with.
STREETS = split_bar("""
Street|St|St.|Road|Rd|Avenue|Ave|Ave.|Lane|Drive|Dr|Boulevard|Blvd|Way|Court|Close|Square
""")

# Streets elsewhere: a name, and the house number where it belongs.
STREETS_ABROAD = split_bar("""
Rua {} {n}|Rue {} {n}|{n} Rue de {}|Via {} {n}|Calle {} {n}|{n} Avenida {}|{}strasse {n}|{}straße {n}|{}weg {n}|
{}gatan {n}|{}straat {n}|ul. {} {n}|{} utca {n}|{}vej {n}
""")

# Names that many streets have.
STREET_NAMES = split_words("""
Main Oak Elm Maple Park High Church Station Mill Lake Hill Cedar Pine King Queen Market
""")

# Days.
DAYS = split_words("""
Monday Tuesday Wednesday Thursday Friday Saturday Sunday Christmas Easter
""")

# Months, in order.
MONTHS = split_words("""
January February March April May June July August September October November December
""")

# As they are written before a name; not part of it.
FORMS_OF_ADDRESS = split_bar("""
Mr.|Mrs.|Ms.|Dr.|Prof.|Mr|Mrs|Ms|Dr|Miss|Professor|Sir|Captain|Senator|Judge|Father|Sister|Rabbi|Imam|Sheikh|
Herr|Señora|Monsieur|Inspector|Colonel
""")

# What joins the parts of a name.
PARTICLES = split_bar("""
de|van|von|bin|al|el|da|dos|di|la|van der|ibn
""")
