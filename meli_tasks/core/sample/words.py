"""The words of the sample that categories share: brands and their models, sizes, colours, sales talk.

The categories of a family are easily confused: they share brands, models, sizes, sales talk, and the generic names
that sellers write instead of the product's name. `|` separates phrases, ` / ` Spanish from Portuguese, `;` a brand
with its models (best-selling first) from the next; `{35-45}` stands for each number of a range, `{S,M,L}` for each
element of a list.
"""

COLOURS = """
Negro|Blanco|Azul|Rojo|Gris|Negra|Blanca|Rosa|Verde|Beige|Marrón|Celeste|Violeta|Bordó|Dorado|Plateado|Amarillo|
Fucsia|Azul Marino|Negro Mate|Gris Oscuro|Naranja|Turquesa|Camel / Preto|Branco|Azul|Vermelho|Cinza|Preta|
Branca|Rosa|Verde|Bege|Marrom|Azul Claro|Roxo|Vinho|Dourado|Prata|Amarelo|Azul Marinho|Preto Fosco|Cinza Escuro|
Laranja|Turquesa|Caramelo|Nude
"""

LEADS = """
Nuevo|Kit|Combo|Oferta|Promo|Pack|Set|Oferta!|2 Unidades|Lote|Liquido|Super|X2|X3|X10|Nuevos|Outlet|Importado|
Par|Oportunidad|Hermoso|Excelente|Original / Novo|Kit|Combo|Oferta|Promoção|Kit 2|Jogo|Par|Lote|Kit 3|C/2|10un|
Novos|Outlet|Importado|Lindo|Original|Super|Liquidação|Kit 5|Lançamento|Queima De Estoque
"""

TAILS = """
Envío Gratis|Original|12 Cuotas|Nuevo|Oferta|Garantía|Envios|Oficial|Impecable|Usado|Excelente Calidad|
Factura A|Con Garantía|Oficial 2019|Importado|Últimas Unidades|Caba|Once|Local A La Calle|Stock|- Rosario|
Palermo|Única|En Caja|Sin Uso|Premium|De Regalo|Por Mayor|C/envío|Tienda Oficial|Local Microcentro|
Mercado Envíos|¡Mirá! / Frete Grátis|Original|12x Sem Juros|Novo|Oferta|Com Garantia|Nf-e|Pronta Entrega|
Com Nota Fiscal|Usado|Promoção|Envio Imediato|Lacrado|Importado|Últimas Peças|C/ Nf|+ Brinde|No Brasil|
Loja Oficial|Atacado|Top|Barato|Excelente Qualidade|Na Caixa|Perfeito Estado|+ Frete Grátis|Garantia 1 Ano|
Sem Uso|Premium|Envio Hoje|Único
"""

FAMILIES = """
footwear
  brands: Nike: Revolution 5|Air Max 90|Court Vision|Downshifter 9|Mercurial|Tanjun|Air Force 1|Benassi|Cortez;
    Adidas: Superstar|Duramo 9|Galaxy 4|Predator|Stan Smith|Adilette|Runfalcon|Advantage|X 19.4; Puma: Smash|
    Suede Classic|Carina|Future 4.4|Flyer Runner|Divecat|Anzarun; Topper: Boro|Drive|Squat|San Ciro|Candy;
    Fila: Disruptor|Racer|Ray|Euro Jogger|Strada; Olympikus: Diverse|Flix|Cyber|Triunfo; Converse: Chuck Taylor|
    All Star; Vans: Old Skool|Era|Authentic; Ipanema: Anatomic|Fashion; Havaianas: Top|Slim|Brasil; Crocs: Classic|
    Bayaband; Vizzano; Beira Rio: Conforto; Under Armour: Charged|Surge; Umbro: Striker|Speed; Merrell: Moab 2|Vibram;
    Caterpillar: Colorado|Holton; Ramarim; Penalty: S11 Locker|Matis; Mizuno: Wave Prophecy|Wave Creation
  sizes: Talle {35-45}|Talles {35-40} Al {41-45}|Nº {34-45}|T. {36-44}|{35-44} / Tam {33-44}|Nº {33-44}|
    Tamanho {34-43}|N {34-44}|{34-43}
  talk: Mujer|Hombre|Dama|Niños|Cuero|De Cuero|Unisex|Comodas|Livianas|Urbano|Temporada 2020|Suela De Goma|Gamuza|
    Con Cordones / Feminino|Masculino|Infantil|Couro|De Couro|Unissex|Confortável|Leve|Casual|Coleção 2020|
    Solado De Borracha|Camurça|Cadarço
  generic: Calzado|Calzados / Calçado|Calçados
clothing
  brands: Nike: Dri-fit|Park|Sportswear|Essentials; Adidas: Tiro 19|3 Tiras|Essentials|Originals; Levis: 501|511 Slim|
    Trucker; Kosiuko; Puma: Essentials|Iconic; Wrangler: Texas|Larston; Hering: Básica; Malwee; Reserva;
    Montagne: Alpina|Trekking; Columbia: Titanium|Omni-tech; Lupo: Sport|Trifil; Cocot; Rip Curl: Icon|Surf;
    Quiksilver: Everyday; Zara: Basic; Lacoste: Classic Fit; Colcci; Taverniti; Ciudadela; Ona Saez; Aramis;
    Tommy Hilfiger: Slim Fit; Ellus
  sizes: Talle {S,M,L,Xl,Xxl,Xs}|Talle {36-54}|T. {S,M,L,Xl}|{S,M,L,Xl,Xxl}|Talle {4-16} Años|Talles Grandes /
    Tam {P,M,G,Gg,Pp}|Tamanho {P,M,G,Gg}|Tam {36-54}|{P,M,G,Gg,Xg}|Plus Size|{4-16} Anos
  talk: Hombre|Mujer|Dama|Niña|Nene|Algodón|De Algodon|Estampado|Liso|Elastizado|Slim Fit|Oversize|Invierno|Verano|
    Deportivo|Bordado|Lycra / Masculino|Feminino|Infantil|Algodão|De Algodao|Estampado|Lisa|Com Elastano|Slim Fit|
    Oversized|Inverno|Verão|Esportivo|Bordado|Menina
  generic: Ropa|Indumentaria|Prenda / Roupa|Moda|Look
phones
  brands: Iphone: 11|7|8 Plus|Xr|6s|X|11 Pro Max|Se 2020|Xs Max|12; Samsung: Galaxy S10|A10s|J7 Prime|A50|S20 Ultra|
    A30s|J2 Core|A51|Note 10|M10; Motorola: Moto G8 Plus|Moto G7|E6 Play|One Vision|Moto G6|Moto E5|Z3 Play|
    One Action; Xiaomi: Redmi Note 8|Mi A3|Redmi 8a|Mi 9 Lite|Note 9s|Redmi 9|Pocophone; Lg: K50|K10|Q6 Plus|K40s|K12;
    Huawei: P20 Lite|P30 Pro|Y9 2019|Mate 20|P10; Nokia: 2.3|6.1|105; Alcatel: 1x|5033|1c; Asus: Zenfone 5|
    Zenfone Max|Zenfone 4; Sony: Xperia Xa1|Xperia L1|Z5; Tcl: L9|L10; Positivo: Twist
  sizes: {16,32,64,128,256} Gb|{32,64,128}gb {2,3,4,6}gb Ram|{5,6}.{1-7} Pulgadas|{2000,3000,4000,5000} Mah /
    {16,32,64,128,256}gb|{64,128}gb {4,6}gb Ram|Tela {5,6}.{1-7}|{2000,3000,4000,5000}mah
  talk: Celular|Smartphone|Dual Sim|Liberado|Libre|Colores|Compatible|4g|Tipo C|Con Caja|Nueva Generación|Instalado|
    Colocación / Celular|Smartphone|Dual Chip|Desbloqueado|Original|Compatível|4g|Tipo C|Na Caixa|Nova Geração|Anatel|
    Instalado|Cores
  generic: Accesorio Celular|Repuesto Celular|Celulares Y Accesorios / Acessório Celular|Peça Para Celular|
    Celulares E Acessórios
computing
  brands: Hp: Pavilion|240 G7|1000|Probook|Elitebook|14-ck|Omen|X500; Dell: Inspiron 3583|Latitude|Vostro|G3|Xps 13|
    Ms116; Lenovo: Ideapad 330|Thinkpad|B50|V330|Legion|L420; Logitech: M170|G203|G502|K120|Mk220|G Pro|M280;
    Redragon: Cobra|Kumara|Griffin|Dark Avenger|K552; Kingston: Fury|Hyperx|A400|Kc600|Ddr4 2666; Asus: Vivobook|
    Tuf Gaming|X541|Rog|Dual; Acer: Aspire 3|Nitro 5|Predator; Gigabyte: Aorus|Windforce; Evga: Sc Gaming|Ftw;
    Msi: Gaming X|Ventus; Samsung: Expert|Evo 860|970 Evo; Western Digital: Blue|Green|Black|Elements;
    Seagate: Barracuda|Skyhawk|Expansion; Corsair: Vengeance|K55|Harpoon; Razer: Deathadder|Cynosa|Viper;
    Genius: Kb-110|Dx-110|Nx-7000; Multilaser: Tc193|Mo251; Sony Vaio: Fe14|Pcg; Bangho: Max|Bes
  sizes: {4,8,16}gb|{240,480,500,960} Gb|{1,2,4} Tb|{14,15,13,17}.{3,6} Pulgadas|{45,65,90} W|
    {19,12}v {2,3,4}.{1-9}a / {4,8,16}gb|{240,480,500,960}gb|{1,2,4}tb|Tela {13,14,15,17}|{45,65,90}w|
    {19,12}v {2,3,4}.{1-9}a
  talk: Gamer|Usb|Pc|Notebook|Inalámbrico|Gaming|Rgb|Computadora|Oficina|Compatible|Led|Windows 10|Alta Velocidad|
    Laptop|Bluetooth / Gamer|Usb|Pc|Notebook|Sem Fio|Gaming|Rgb|Computador|Escritório|Compatível|Led|Windows 10|
    Alto Desempenho|Laptop|Bluetooth
  generic: Informática|Repuesto Notebook|Accesorio Pc / Informática|Peça Notebook|Acessório Pc
audio
  brands: Jbl: Go 2|Flip 5|T110|Charge 4|Tune 500|C100|Boombox|Xtreme; Sony: Mdr-zx110|Wh-ch510|Srs-xb12|Bravia|Xb33|
    Extra Bass; Samsung: Tu7000|Galaxy Watch|Galaxy Buds|Fit 2|Q60t|Hw-r450|Gear S3; Xiaomi: Airdots|Mi Band 4|
    Amazfit Bip|Mi Band 5|Redmi Airdots; Philips: Shb3075|Pud6513|Tah1205|Bt50; Lg: Xboom|Un7300|Pl2|Ck43|Lk5700;
    Apple: Airpods|Watch Series 3|Watch Se|Airpods Pro; Noblex: Ej43x|Db50|Psb|Fit Kids; Tcl: S6500|P8m|Socl100;
    Panacom: Sp-3048|Bl-1406; Edifier: R1280t|W800bt; Garmin: Forerunner 35|Vivosmart|Fenix 6; Huawei: Watch Gt|
    Band 4|Freebuds; Philco: Ptv|Pcs|Air Beats; Aiwa: Aw-bt|Aw32; Multilaser: Ph060|Sp262|Atrio
  sizes: {32,43,50,55,65} Pulgadas|{10,20,40,100} Watts|{32,43,50,55}"|{38,40,42,44} Mm / {32,43,50,55,65} Polegadas|
    {10,20,40,100}w Rms|{32,43,50,55}"|{38,40,42,44}mm
  talk: Bluetooth|Inalámbrico|Usb|Portátil|Hd|Sumergible|Manos Libres|Recargable|Micrófono|Smart|Android|
    Control Remoto|Sonido / Bluetooth|Sem Fio|Usb|Portátil|Hd|À Prova D'água|Com Microfone|Recarregável|Smart|Android|
    Controle Remoto|Som
  generic: Electrónica|Equipo Audio Y Video / Eletrônico|Aparelho Áudio E Vídeo
kitchen
  brands: Oster: Blstpyg|Prima Latte|Xpert Series|Pro 1200|Tssttvdgxl; Philips: Ri2113|Hd7447|Daily Collection|Walita|
    Hr2100; Liliana: Al212|Ac966|Ac945|Ap975; Atma: Ca8143|Hg3010|Pe1821|Li8439; Mondial: Turbo|Dolce Arome|Pratic|
    L-99; Britânia: Diamante|Cp30|Bff; Arno: Power Mix|Dolce Gusto|Perfectmix; Tramontina: Ultracorte|Professional|
    Paris|Solar|Polywood; Electrolux: Easyline|Chef|Eko; Ultracomb: Uc-54|Lk-2310|Pe-4905; Peabody: Pe-ke|Smartchef|
    Le9002; Nespresso: Essenza Mini|Inissia; Cadence: Robust|Desperta|Contrast; Essen: Capri|Contemporánea;
    Hudson: Classic; Yelmo: Li-3401|Yl-45; Moulinex: Dolce Gusto|Perfect
  sizes: {1,2,3}.{2,5,7} Litros|{500,600,700,900,1200,1500} W|{20,22,24,28,30} Cm|{30,38,42,60} Lts|{6,8,12} Piezas /
    {1,2,3}.{2,5,7} Litros|{500,600,700,900,1200,1500}w|{20,22,24,28,30}cm|{127,110,220}v|{6,8,12} Peças
  talk: Cocina|Acero Inoxidable|Eléctrica|Acero|Automática|Inox|Vidrio|Antiadherente|220v|Profesional|Para Casa|
    Regulable|Digital / Cozinha|Aço Inox|Elétrica|Aço|Automática|Inox|Vidro|Antiaderente|220v|Profissional|Doméstica|
    Regulável|Digital|110v
  generic: Electrodoméstico|Artículo Cocina|Bazar / Eletrodoméstico|Utensílio Cozinha|Utilidades
textiles
  brands: Arredo: Basic|Hotel|Premium; Palette: Premium|Elegance; Cannon: Doral|Tropical|Princess|Resortes;
    Piero: Nautico|Meditare; Buddemeyer: Image|Florentina; Karsten: Softmax|Empire; Santista: Royal|Platinum|Prata;
    Mantra; Teka: Escala|Everest; Suavestar: Descanso|Nido; Ortobom: Airtech|Light; Danubio: Basic|Elegante;
    Altenburg: Toque De Rosas|Suporte; Franco Valente; Casablanca; Camesa: Loft|Neo
  sizes: {1,2} Plazas|1 1/2 Plaza|2 1/2 Plazas|{140,160,80,100} X 190|{40,45,50} X {40,50,70}|King|Queen|
    {1,2}.{40,50,80} X 2.{10,30} / Casal|Solteiro|Queen|King|{140,138,88} X 188|{40,45,50} X {40,50,70}|
    {2,3}.00 X 1.80|{2,3},{20,60,80} X 2,50
  talk: Algodón|Estampado|Hotelera|Microfibra|Suave|Lisa|Living|Dormitorio|200 Hilos|Reversible|Bordado|Infantil|
    Decoración|Antialérgico / Algodão|Estampado|Hotelaria|Microfibra|Macia|Lisa|Sala|Quarto|200 Fios|Dupla Face|
    Bordado|Infantil|Decoração|Antialérgico
  generic: Blanquería|Textil Hogar|Deco Hogar / Cama Mesa E Banho|Enxoval|Decoração Casa
furniture
  brands: Centro Estant: Linea Eco|Cubo; Mosconi: Roma|Nature; Tables: 5000|Home; Madesa: Topazio|Reims|Lilies;
    Orlandi: Cubo|Wood; Politorno: Cuba|Flora; Eames: Dsw|Tulip|Lounge; Tolix: Clásica; Plasútil: Bistrô;
    Demobile: Gávea|Paris; Colombraro: Bistro; Rivatti: Eiffel|Nórdica; Bertolini: Gourmet; Artely: Home|Fênix;
    Notável: Malta; Ricchezze: E41|Nice; Diván
  sizes: {80,90,100,120,140,160} Cm|{2,3} Cuerpos|{4,6,8} Personas|{120,140,160} X {60,70,80}|X{2,4,6} Unidades /
    {80,90,100,120,140,160}cm|{2,3} Lugares|{4,6,8} Lugares|{120,136,160} X {60,68,80}|{2,4,6} Unidades
  talk: Madera|Melamina|Nórdico|Moderno|Living|Comedor|Minimalista|Industrial|Hierro|Escandinavo|Pino|Vintage|Oficina|
    Laqueado|Tapizado|Infantil / Madeira|Mdf|Escandinavo|Moderno|Sala|Jantar|Minimalista|Industrial|Ferro|Retrô|Pinus|
    Vintage|Escritório|Laqueado|Estofado|Infantil
  generic: Mueble|Muebles|Juego Comedor / Móvel|Móveis|Conjunto Sala
auto
  brands: Volkswagen: Gol Trend|Gol G5|Fox|Amarok|Suran|Voyage|Saveiro|Golf|Up|Polo; Fiat: Palio|Uno|Siena|Strada|
    Toro|Punto|Cronos|Argo|Mobi; Chevrolet: Corsa|Onix|Celta|S10|Prisma|Cruze|Classic|Astra|Agile; Ford: Fiesta|Ka|
    Focus|Ecosport|Ranger|Fiesta Kinetic|Escort; Renault: Clio|Sandero|Logan|Duster|Kangoo|Megane|Kwid; Peugeot: 206|
    207|208|307|Partner|405; Toyota: Hilux|Corolla|Etios|Sw4; Honda: Civic|Fit|Hrv|City; Citroën: C3|C4|Berlingo;
    Hyundai: Hb20|Tucson|I30; Bosch; Cobreq; Fremax; Monroe; Mann; Pirelli: P400|P7|Scorpion; Fate: Sentiva|Prestiva;
    Cofap; Nissan: Tiida|March|Frontier; Goodyear: Assurance|Wrangler
  sizes: {1998-2019}|{94-99}/{04-09}|1.{4,6,8} {8,16}v|{13-17}|{175,185,195,205}/{55,60,65,70} R{13-17} / {1998-2019}|
    {94-99}/{04-09}|1.{0,4,6,8} {8,16}v|Aro {13-17}|{175,185,195,205}/{55,60,65,70} R{13-17}
  talk: Auto|Delantero|Trasero|Juego|Par|Derecho|Izquierdo|Repuesto|Original|Nafta|Diesel|Camioneta|Colocado|
    Todos Los Modelos|Importado / Carro|Dianteiro|Traseiro|Jogo|Par|Direito|Esquerdo|Peça|Original|Flex|Diesel|
    Caminhonete|Todos Os Modelos|Importado|Nacional
  generic: Repuesto Auto|Autoparte|Accesorio Vehículo / Peça Automotiva|Autopeça|Acessório Veículo
tools
  brands: Bosch: Gsb 13 Re|Gws 700|Gst 650|Professional|Go 2; Dewalt: Dwd024|Dcd776|Dwe4020|Dw313;
    Black & Decker: Hd400|G720|Tm500|Jigsaw|Ks501; Makita: Hp1640|9557hn|4350fct|Df333|Ga4530; Stanley: Sdh600|Fatmax|
    Stgs7115|Max Steel; Skil: 6604|9002|4003; Gamma: Elite|Hg011|G1902; Lusqtoff: Pt13|Al4500|Sc65;
    Bremen: Profesional; Vonder: Fiv 500|Plus; Tramontina: Pro|Master; Einhell: Tc-id|Th-cd|Tc-ag; Bahco: Ergo|
    Superior; Dowen Pagio: 9993
  sizes: {500,600,650,750,850} W|{10,13} Mm|{115,180,230} Mm|{12,18,20} V|{6,10,20,32} Piezas /
    {500,600,650,750,850}w|{10,13}mm|{115,180}mm|{12,18,20}v|{6,10,20,32} Peças|127v
  talk: Industrial|Profesional|Inalámbrico|Con Maletín|Madera|Metal|Percutor|Velocidad Variable|Herramientas|Taller|
    Reversible|Batería|Accesorios / Industrial|Profissional|Sem Fio|Com Maleta|Madeira|Metal|Impacto|
    Velocidade Variável|Ferramentas|Oficina|Reversível|Bateria|Acessórios
  generic: Herramienta|Herramienta Eléctrica / Ferramenta|Ferramenta Elétrica
baby
  brands: Avent: Natural|Classic|Anticólico; Chicco: Liteway|Keyfit|Next|Perfect 5; Pampers: Confort Sec|Premium Care|
    Supersec|Pants; Huggies: Natural Care|Active Sec|Supreme|Tripla Proteção; Infanti: Epic|Spin|Lyon|Volt;
    Graco: Snugride|Fastaction|Nautilus; Dr Browns: Options|Original Flow; Bebesit: Jogger|Dakota|Dynamic;
    Galzerano: Milano|Dorano|Piccolina; Burigotto: At6 K|Touring|Matrix; Lillo: Divina|Clean; Cosco: Umbrella|
    Commuter|Reverse; Love: 2019|Galaxia; Babysec: Ultra|Premium; Mam: Easy Start|First
  sizes: {0,3,6} A {12,18,36} Meses|Talle {P,M,G,Xg,Xxg}|{125,240,260,330} Ml|X {36,48,60,80,100} Unidades|
    {9,18,25,36} Kg / {0,3,6} A {12,18,36} Meses|Tam {P,M,G,Xg,Xxg}|{125,240,260,330}ml|{36,48,60,80,100} Unidades|
    {9,18,25,36}kg
  talk: Bebé|Recién Nacido|Nena|Varón|Unisex|Infantil|Plegable|Seguro|Hasta 36 Kg|Acolchado|Sin Bpa|Con Regalo|Niños /
    Bebê|Recém-nascido|Menina|Menino|Unissex|Infantil|Dobrável|Seguro|Até 36 Kg|Acolchoado|Sem Bpa|Com Brinde|Criança
  generic: Artículo Bebé|Artículos Para Bebés / Artigo Bebê|Produtos Para Bebê
toys
  brands: Mattel: Barbie|Hot Wheels|Uno|Polly Pocket|Monster High|Scrabble; Hasbro: Monopoly|Baby Alive|Jenga|Frozen|
    My Little Pony|Twister; Ravensburger: Disney|Paisaje|Mundial; Ruibal: Burako|Clásicos|Carrera De Mente;
    Toyco: Detective|Rummy; Grow: War|Imagem E Ação|Perfil|Puzzle; Estrela: Banco Imobiliário|Detetive|Cara A Cara|
    Susi; Disney: Frozen|Cars|Mickey|Princesas|Toy Story; Trefl: Montañas|Venecia; Majorette: Racing|Street;
    Maisto: Ferrari|Camaro|1/24; Lol: Surprise|Under Wraps; Bburago: Bugatti|Ferrari F40; Copag: 139|Truco;
    Antex: Animales|Mapa
  sizes: {100,240,500,1000,1500,2000} Piezas|{20,30,40,50} Cm|1:{18,24,32,43,64}|{3-10} Años|{2,4,6} Jugadores /
    {100,240,500,1000,1500,2000} Peças|{20,30,40,50}cm|1:{18,24,32,43,64}|{3-10} Anos|{2,4,6} Jogadores
  talk: Niños|Nenas|Juguete|Colección|Infantil|Didáctico|Con Accesorios|Regalo|Dia Del Niño|Con Luz Y Sonido|Familia|
    Cartas|Original / Crianças|Menina|Brinquedo|Coleção|Infantil|Educativo|Com Acessórios|Presente|Dia Das Crianças|
    Com Luz E Som|Família|Cartas|Original
  generic: Juguete|Juguetería|Regalo Niños / Brinquedo|Brinquedos|Presente Criança
beauty
  brands: Loreal: Elvive|Rouge Signature|Absolut Repair|Serie Expert; Maybelline: Superstay|Matte Ink|Color Show|
    Color Sensational; Revlon: Colorstay|Super Lustrous|One Step|Ultra Hd; Natura: Kaiak|Essencial|Una|Lumina|Humor|
    Plant; O Boticário: Malbec|Make B|Lily|Coffee|Match; Gama: Ceramic Ion|Elegance|Bloom|Eleganza|Salon Exclusive;
    Risqué: Cremoso|Diamond Gel; Carolina Herrera: 212 Vip|Good Girl|Ch Men; Paco Rabanne: One Million|Invictus|
    Lady Million; Dior: Sauvage|Jadore|Addict; Philips: Bhd029|Hp8321|Kerashine; Taiff: Fox 3|Titanium|Style;
    Opi: Infinite Shine|Nail Lacquer; Pantene: Pro-v|Restauración; Sedal: Rizos|Ceramidas; Kerastase: Nutritive|
    Resistance|Bain; Avon: Far Away|Ultra Matte|Blink|300 Km/h; Vult: Fluor|Matte; Antonio Banderas: Blue Seduction|
    The Secret
  sizes: {50,75,100,200} Ml|{250,400,750,1000} Ml|{2000,2200,2400} W|N° {1-60}|{3,4,5,8} Gr / {50,75,100,200}ml|
    {250,400,750,1000}ml|{2000,2200}w|Nº {1-60}|{3,4,5,8}g|Bivolt
  talk: Mujer|Hombre|Profesional|Larga Duración|Mate|Brillo|Importado|Belleza|Cabello|Peluquería|Maquillaje|
    Hidratante|Original|Hipoalergénico / Feminino|Masculino|Profissional|Longa Duração|Matte|Brilho|Importado|Beleza|
    Cabelo|Salão|Maquiagem|Hidratante|Original|Hipoalergênico
  generic: Belleza|Cosmética|Cuidado Personal / Beleza|Cosmético|Cuidado Pessoal
music
  brands: Fender: Stratocaster|Squier|Cd60|Telecaster|Fa-125; Gibson: Les Paul|Sg|J-45|Brite Wires; Yamaha: C40|F310|
    Pacifica 012|C70|Apx600; Takamine: Gd20|Gc1; Ibanez: Gio|Rg350|V50|Grg170; Epiphone: Les Paul Special|Dot|Dr-100;
    Daddario: Exl120|Ej16|Ej27n|Nyxl; Ernie Ball: Regular Slinky|Earthwood|Super Slinky; Vic Firth: 5a|7a|
    American Classic; Promark: 5b|Hickory; Giannini: Gwnl|Nac|Canário|Geegst; Tagima: Tg 500|Memphis|Dallas|Woodstock;
    Gracia: M1|M2|300; Zildjian: 5a Nylon|Anti-vibe; Elixir: Nanoweb|Polyweb; Liverpool: Tennessee|Nogueira
  sizes: 0{09,10,11,12}|{4,6,7,12} Cuerdas|{36-41} Pulgadas|{2,7}{a,b} / 0{09,10,11,12}|{4,6,7,12} Cordas|{2,7}{a,b}|
    Tamanho {1/2,3/4,4/4}
  talk: Estudio|Principiante|Con Funda|Madera|Nylon|Acero|Concierto|Zurdo|Audiomasmusica|Electroacústica|Profesional|
    Con Afinador / Estudo|Iniciante|Com Capa|Madeira|Nylon|Aço|Concerto|Canhoto|Eletroacústico|Profissional|
    Com Afinador|Encordoamento Aço
  generic: Instrumento Musical|Accesorio Música / Instrumento Musical|Acessório Música
sports
  brands: Nike: Strike|Pitch|Brasilia|Heritage|Elemental; Adidas: Brazuca|Tango|Telstar|Power|Linear|Glider;
    Topper: Slick|Ultra; Penalty: S11|Brasil 70|Max; Raleigh: Mojave 2.0|Mojave 5.0|Scout; Venzo: Raptor|Frida|Thorn|
    Vx Loki; Caloi: Vulcan|Elite|Explorer|Ceci; Houston: Foxer|Mercury; Vairo: Xr 3.8|Metro; Gts: M1|Feel;
    Giro: Isode|Register; Absolute: Wild|Nero; Samsonite: Guardit|Xenon; Kappa: Sport|Player; Molten: F5v|Vantaggio;
    Ranbak: 701|770|722; Proyec: Cross; Acte: T33|Sports; Wilson: Jet|Traditional; Swissgear: Sa1908|Airflow;
    High One: Optimus|Win; Everlast: Hand|Classic
  sizes: Rodado {20,24,26,29}|{1,2,3,5,10} Kg|N° {3,4,5}|{20,25,30,40} Litros|Talle {S,M,L}|
    {18,21,24,27} Velocidades / Aro {20,24,26,29}|{1,2,3,5,10}kg|Nº {3,4,5}|{20,25,30,40} Litros|Tam {M,G}|
    {18,21,24,27} Marchas
  talk: Deportes|Gym|Entrenamiento|Mtb|Montaña|Aluminio|Fitness|Urbana|Reforzado|Deportivo|Ruta|Salón|Infantil|
    Impermeable|Ciclismo / Esportes|Academia|Treino|Mtb|Montanha|Alumínio|Fitness|Urbana|Reforçado|Esportivo|Speed|
    Salão|Infantil|Impermeável|Ciclismo
  generic: Artículo Deportivo|Deportes Y Fitness / Artigo Esportivo|Esportes E Fitness
pets
  brands: Royal Canin: Mini Adult|Medium Puppy|Fit 32|Kitten|Urinary|Maxi; Purina: Excellent|Pro Plan|Dog Chow|
    Cat Chow|Fancy Feast|Friskies; Eukanuba: Large Breed|Puppy|Small Breed; Pedigree: Adulto|Cachorro|
    Equilíbrio Natural; Whiskas: Carne|Pescado|Temptations; Premier: Raças Pequenas|Gatos Castrados|
    Ambientes Internos; Golden: Special|Fórmula|Mega; Vitalcan: Balanced|Complete|Premium; Old Prince: Premium|Novel;
    Sieger: Criadores|Katze; Excellent: Skin Care|Urinary; Agility: Cachorros|Cats; Furacão Pet; Pets Class; Mira Pet
  sizes: {1,3,7} Kg|{10,15,20,22} Kg|X {85,100,340} Gr|Talle {1-4}|{50,60,70,80} Cm / {1,3,7}kg|{10,15,20}kg|
    {85,100,340}g|Tam {P,M,G}|{50,60,70,80}cm
  talk: Mascotas|Adulto|Cachorros|Razas Pequeñas|Pollo|Carne|Premium|Castrados|Senior|Salmón|Bolsa|Veterinaria|
    Razas Grandes / Pet|Adultos|Filhotes|Raças Pequenas|Frango|Carne|Premium|Castrados|Sênior|Salmão|Saco|Petshop|
    Raças Grandes
  generic: Artículo Mascotas|Mascota / Produto Pet|Animal De Estimação
accessories
  brands: Casio: G-shock|Vintage A168|Mq-24|Edifice|F91w|Baby-g; Ray-ban: Aviator|Wayfarer|Clubmaster|Justin|Round;
    Tommy Hilfiger: 1791|Th; Swatch: Irony|Sistem51|Skin; Pandora: Moments|Essence; Oakley: Holbrook|Jupiter|Flak|
    Frogskins; Vulk: The Guardian|Blitz|Day Light; Infinit: Bonaire|Tokyo|Laguna; Technos: Legacy|Skydiver|Racer;
    Orient: Automático|Sporttech; Vivara: Life|Icona; Rommanel: Clássico|Coração; Citizen: Eco-drive|Promaster;
    Festina: Chrono|Boyfriend; Knock Out: 2456|Kn; Chilli Beans: Alok|Star Wars; Swarovski: Iconic|Angelic;
    Mormaii: Joaca|Infantojuvenil; Plata 925; Prata 925; Ouro 18k
  sizes: {40,42,45,50,60} Cm|{28,32,38,40,44} Mm|{45,50} Metros|X {2,6,12} Pares / {40,42,45,50,60}cm|
    {28,32,38,40,44}mm|{50,100}m|{2,6,12} Pares
  talk: Mujer|Hombre|Plata 925|Acero Quirúrgico|Dama|Cuero|Unisex|Con Estuche|Dije Corazón|Polarizado|Regalo|Cristal|
    Enchapado En Oro|Joyas / Feminino|Masculino|Prata 925|Aço Inox|Folheado A Ouro|Couro|Unissex|Com Estojo|
    Pingente Coração|Polarizado|Presente|Cristal|Semijoia|Luxo
  generic: Accesorio Moda|Bijouterie|Regalo Mujer / Acessório Moda|Bijuteria|Presente Mulher
appliances
  brands: Samsung: Inverter|Wind Free|Digital Inverter|Ww65m; Whirlpool: Wnq86|Wrm45|Wcn; Lg: Dual Cool|Direct Drive|
    Neochef|Smart Inverter; Electrolux: Eco Turbo|Df35|Lte12|Mef41; Brastemp: Ative|Clean|Inverse; Consul: Facilite|
    Crm35|Cwh12|Cm020; Philco: Phs32|Pwl|Pfn|Pme; Drean: Next 8.14|Concept|Excellent; Bgh: Silent Air|Quick Chef|Bsh;
    Gafa: Hgf387|Eternity; Midea: Springer|Liva|Msc; Atma: Atmd|Md920; Liliana: Vp20|Ch100|Rapihot; Ventisol: Turbo|
    New Premium; Arno: Silence Force|Turbo; Patrick: Hpk|Cpk
  sizes: {2250,2600,3000,3500,4500} Frigorias|{6,7,8,10} Kg|{20,23,28,30} Litros|{300,350,400} Lts|
    {16,20,24,30} Pulgadas / {7500,9000,12000,18000} Btus|{8,10,11,12}kg|{20,25,31} Litros|{300,340,400} Litros|
    {30,40,50}cm|220v
  talk: Frío Calor|Digital|Blanco|Eficiencia A|Inverter|Acero|Con Control|Automático|Hogar|Bajo Consumo|Split|Turbo|
    De Pie / Quente E Frio|Digital|Branco|Selo Procel A|Inverter|Inox|Com Controle|Automático|Casa|Econômico|Split|
    Turbo|Coluna
  generic: Electrodoméstico|Línea Blanca|Climatización / Eletrodoméstico|Linha Branca|Climatização
"""
