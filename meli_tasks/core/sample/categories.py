"""The sample's categories: what sellers call the product, and what they say only about this product.

`# family`, then its categories: products in Spanish / in Portuguese / features in Spanish / in Portuguese, and where
the family's sizes do not fit, sizes in Spanish / in Portuguese. Related categories share words on purpose: the title of
a phone cover is full of phone names. For the notation see `words`.
"""

CATEGORIES = """
# footwear
SNEAKERS: Zapatillas|Zapatilla|Zapatillas Running|Tenis|Championes / Tênis|Tênis Corrida|Sapatênis|Tênis Casual /
  Running|Urbanas|Para Correr|Deportivas|Caña Alta / Corrida|Academia|Caminhada|Cano Alto|Esportivo
FOOTBALL_SHOES: Botines|Botín|Zapatillas Futbol|Botines Futbol 5 / Chuteira|Chuteira Society|Tênis Futsal / Futbol 5|
  Papi|Tapones|Césped|Futsal / Campo|Society|Futsal|Travas|Grama
BOOTS_AND_BOOTIES: Botas|Borcegos|Botinetas|Botitas|Zapatos Botas / Bota|Coturno|Bota Cano Curto|Botina / Caña Baja|
  Trekking|Taco|Plataforma|De Lluvia / Cano Alto|Adventure|Salto|Tratorada|Montaria
SANDALS_AND_FLIP_FLOPS: Sandalias|Ojotas|Chinelas|Sandalias Zapatos / Sandália|Chinelo|Rasteirinha|
  Sandália Plataforma / Playa|Plataforma|Verano|Taco Bajo|Fiesta / Praia|Anabela|Verão|Salto Bloco|Dedo
LOAFERS_AND_OXFORDS: Mocasines|Zapatos|Náuticos|Zapatos De Vestir / Mocassim|Sapato Social|Sapatilha|Oxford /
  De Vestir|Oficina|Elegante|Náutico|Charol / Social|Verniz|Bico Fino|Elegante|Dockside
SLIPPERS: Pantuflas|Pantufla|Alpargatas|Chinelas Pantuflas / Pantufa|Chinelo Quarto|Pantufas|Alpargata / Peluche|
  Corderito|Abrigadas|De Casa|Garras / Pelúcia|Quentinha|De Quarto|Antiderrapante|Bichinho
# clothing
T_SHIRTS: Remera|Remeras|Camiseta|Remera Manga Corta / Camiseta|Camisetas|Blusa|Camiseta Manga Curta / Manga Corta|
  Cuello Redondo|Escote V|Rock|Sublimada / Manga Curta|Gola Redonda|Gola V|Banda|Personalizada
SHIRTS: Camisa|Camisas|Camisa Manga Larga|Camisa Entallada / Camisa|Camisa Social|Camisa Manga Longa|Camisa Xadrez /
  Manga Larga|Cuadros|Cuello Mao|Entallada|De Jean / Manga Longa|Xadrez|Botões|Slim|Jeans
SWEATSHIRTS_AND_HOODIES: Buzo|Buzos|Campera Buzo|Hoodie|Canguro / Moletom|Blusa Moletom|Casaco Moletom|Blusão / Frisa|
  Con Capucha|Friza|Bolsillo Canguro|Egresados / Capuz|Canguru|Flanelado|Bolso|Ziper
JACKETS_AND_COATS: Campera|Camperas|Chaqueta|Tapado|Campera Inflable / Jaqueta|Casaco|Sobretudo|Jaqueta Corta Vento /
  Inflable|Impermeable|Rompeviento|Polar|Abrigo|Cuerina / Impermeável|Corta Vento|Puffer|Forrada|Bomber|
  Couro Ecológico
PANTS: Pantalón|Pantalon|Jean|Jeans|Calza|Jogging / Calça|Calça Jeans|Legging|Calça Moletom / Cargo|Chupin|Tiro Alto|
  Gabardina|Babucha / Cargo|Skinny|Cintura Alta|Sarja|Jogger
SHORTS: Short|Bermuda|Shorts|Malla Short / Shorts|Bermuda|Short Jeans|Bermuda Moletom / De Baño|Playa|Con Bolsillos|
  Cargo|Tiro Alto / Praia|Tactel|Com Bolso|Cargo|Cintura Alta
DRESSES: Vestido|Vestidos|Vestido Largo|Vestido Corto / Vestido|Vestido Longo|Vestido Curto|Vestido Midi / Fiesta|
  Noche|Largo|Breteles|15 Años|Casamiento / Festa|Longo|Alcinha|Madrinha|Tubinho|Rodado
SOCKS: Medias|Media|Soquetes|Pack Medias / Meia|Meias|Kit Meias|Meia Soquete / Docena|Soquete|3/4|Toalla|
  Antideslizantes / Pares|Cano Curto|Sapatilha|Invisível|Compressão / Talle {35-44}|X{3,6,12} Pares / Tam {34-43}|
  {3,6,12} Pares
# phones
CELLPHONES: Celular|Teléfono|Smartphone|Celular Libre / Celular|Smartphone|Telefone|Aparelho / Cámara Dual|Huella|
  Libre De Fábrica|Reacondicionado|Batería Nueva / Câmera Dupla|Vitrine|Tela Infinita|Biometria|Seminovo /
  {32,64,128,256} Gb|{32,64,128}gb {2,3,4,6}gb Ram|{5,6}.{1-7} Pulgadas / {32,64,128,256}gb|{64,128}gb {4,6}gb Ram|
  Tela {5,6}.{1-7}
CELLPHONE_COVERS: Funda|Fundas|Funda Silicona|Carcasa|Case / Capa|Capinha|Case|Capa Silicone / Silicona|Antigolpe|Tpu|
  Transparente|Flip Cover|Uso Rudo / Silicone|Anti Impacto|Tpu|Transparente|Carteira|Personalizada / X{2,3} Unidades|
  {5,6}.{1-7} Pulgadas / {2,3} Unidades|Tela {5,6}.{1-7}
CELLPHONE_CHARGERS: Cargador|Cargador Celular|Cargador Rápido|Cable Cargador / Carregador|Carregador Turbo|
  Fonte Carregador|Cabo Carregador / Turbo|Carga Rápida|Micro Usb|Inalámbrico Qi|Cable Datos / Turbo|Carga Rápida|
  Micro Usb|Sem Fio Qi|Tomada / {1,2,3} Metros|{10,15,18,20,25,30} W|{2,3}.{0,1,4} Amp / {1,2,3} Metros|
  {10,15,18,20,25,30}w|{2,3}.{0,1,4}a
CELLPHONE_SCREENS: Módulo|Modulo Pantalla|Display|Pantalla / Tela|Display|Frontal|Tela Display / Touch|Táctil|
  Con Marco|Oled|Vidrio Instalado / Touch|Com Aro|Oled|Incell|Vidro / {5,6}.{1-7} Pulgadas / {5,6}.{1-7} Polegadas
SCREEN_PROTECTORS: Vidrio Templado|Film|Glass|Vidrio / Película|Película De Vidro|Película Vidro|Pelicula Gel / 9h|5d|
  Pantalla Completa|Full Cover|Antigolpe / 9h|3d|5d|Tela Toda|Cerâmica / X{2,3} Unidades|0.{26,33} Mm|
  {5,6}.{1-7} Pulgadas / {2,3} Unidades|0.{26,33}mm|Tela {5,6}.{1-7}
CELLPHONE_BATTERIES: Batería|Bateria Celular|Batería Original|Pila / Bateria|Bateria Celular|Bateria Original|
  Bateria Nova / Alta Duración|Interna|Litio|Con Herramientas|Bl-5c / Alta Duração|Interna|Lítio|Com Ferramentas|
  Bl-5c / {1800,2000,2600,3000,3300,4000,5000} Mah / {1800,2000,2600,3000,3300,4000,5000}mah
# computing
NOTEBOOKS: Notebook|Laptop|Portátil|Netbook / Notebook|Laptop|Ultrabook|Netbook / Core I5|Core I3|Core I7|Ryzen 5|
  Celeron|Pantalla Full Hd / Core I5|Core I3|Core I7|Ryzen 5|Celeron|Tela Full Hd / {13,14,15,17}.{3,6} Pulgadas|
  {4,8,16}gb|{240,256,480,512}gb Ssd|{4,8}gb {500,1000}gb / Tela {13,14,15,17}|{4,8,16}gb|{240,256,480}gb Ssd|
  {4,8}gb {500,1000}gb
NOTEBOOK_CHARGERS: Cargador Notebook|Cargador|Fuente Notebook|Transformador / Fonte Notebook|Carregador Notebook|
  Fonte Carregador|Carregador / Pin Fino|Ficha Amarilla|Con Cable|Universal|Tipo C / Pino Fino|Plug Amarelo|Com Cabo|
  Universal|Bivolt / {45,65,90,120} W|{19,12,20}v {2,3,4}.{1-9}a / {45,65,90,120}w|{19,12,20}v {2,3,4}.{1-9}a
NOTEBOOK_BATTERIES: Batería Notebook|Bateria|Batería Para Notebook / Bateria Notebook|Bateria|Bateria Para Notebook /
  6 Celdas|4 Celdas|Alternativa|Alta Capacidad / 6 Células|4 Células|Compatível|Longa Duração / {2200,4400,5200} Mah|
  {10.8,11.1,14.8}v / {2200,4400,5200}mah|{10.8,11.1,14.8}v
COMPUTER_MICE: Mouse|Mouse Óptico|Mouse Gamer|Mouse Inalambrico / Mouse|Mouse Óptico|Mouse Gamer|Mouse Sem Fio /
  Óptico|Dpi|Ergonómico|7 Botones|Mini / Óptico|Dpi|Ergonômico|7 Botões|Mini / {1000,1600,3200,6400,12000} Dpi /
  {1000,1600,3200,6400,12000} Dpi
COMPUTER_KEYBOARDS: Teclado|Teclado Mecánico|Teclado Gamer|Kit Teclado Mouse / Teclado|Teclado Mecânico|Teclado Gamer|
  Kit Teclado E Mouse / Mecánico|Retroiluminado|Español|Numérico|Switch Blue / Mecânico|Retroiluminado|Abnt2|Numérico|
  Switch Blue / {61,87,104} Teclas|{60,65,80}% / {61,87,104} Teclas|{60,65,80}%
RAM_MEMORY_MODULES: Memoria Ram|Memoria|Memoria Notebook|Memoria Ddr4 / Memória Ram|Memória|Memória Notebook|
  Memória Ddr4 / Ddr4|Ddr3|Sodimm|1600mhz|2666 Mhz / Ddr4|Ddr3|Sodimm|1600mhz|2666 Mhz / {4,8,16,32}gb|2x{4,8}gb|
  {4,8} Gb / {4,8,16,32}gb|2x{4,8}gb|{4,8} Gb
GRAPHICS_CARDS: Placa De Video|Placa Video|Gpu|Placa Grafica / Placa De Vídeo|Placa Video|Gpu|Vga / Gtx 1050|
  Gtx 1660 Super|Rtx 2060|Ddr5|Rx 570 / Gtx 1050ti|Gtx 1660|Rtx 2060|Gddr5|Rx 580 / {2,3,4,6,8,11}gb|
  {2,4,6,8} Gb {64,128,192,256} Bits / {2,3,4,6,8,11}gb|{2,4,6,8} Gb {64,128,192,256} Bits
HARD_DRIVES_AND_SSDS: Disco Duro|Disco Ssd|Disco Rígido|Ssd / Ssd|Hd|Hd Externo|Disco Rígido / Sata|M.2|Nvme|Externo|
  Usb 3.0 / Sata 3|M.2|Nvme|Externo|Usb 3.0 / {120,240,480,500,960}gb|{1,2,4,6}tb|{240,480} Gb|{1,2} Tb /
  {120,240,480,500,960}gb|{1,2,4,6}tb|{240,480} Gb|{1,2} Tb
# audio
HEADPHONES: Auriculares|Auricular|Audífonos|Auriculares Inalámbricos / Fone De Ouvido|Fone|Headphone|Headset / In Ear|
  Vincha|Cancelación De Ruido|Gamer|Deportivos / In Ear|Arco|Cancelamento De Ruído|Gamer|Esportivo / 3.5 Mm|
  {20,24,30} Horas|{32,40,50} Mm / 3.5 Mm|{20,24,30} Horas|{32,40,50} Mm
SPEAKERS: Parlante|Parlantes|Bafle|Altavoz|Parlante Portátil / Caixa De Som|Caixa Som|Alto Falante|Caixinha De Som /
  Karaoke|Potenciado|Barra De Sonido|Torre|Fm / Karaokê|Amplificada|Soundbar|Torre|Fm / {10,20,40,60,100} Watts|
  {6,8,12,15} Pulgadas / {10,20,40,60,100}w Rms|{6,8,12,15} Polegadas
TELEVISIONS: Tv|Smart Tv|Televisor|Tv Led / Tv|Smart Tv|Televisão|Tv Led / 4k|Uhd|Full Hd|Netflix|Tda / 4k|Uhd|
  Full Hd|Netflix|Conversor Digital / {24,32,40,43,50,55,65} Pulgadas|{32,43,50,55}" /
  {24,32,40,43,50,55,65} Polegadas|{32,43,50,55}"
SMARTWATCHES: Smartwatch|Reloj Inteligente|Reloj Smart|Smartband / Smartwatch|Relógio Inteligente|Relógio|Smartband /
  Gps|Ritmo Cardíaco|Malla|Notificaciones|Deportivo / Gps|Monitor Cardíaco|Pulseira|Notificações|Esportivo /
  {38,40,42,44} Mm|1.{3,4,6} Pulgadas / {38,40,42,44}mm
# kitchen
BLENDERS: Licuadora|Licuadora De Vaso|Licuadora Jarra|Mixer / Liquidificador|Mixer|Liquidificador Copo|Processador /
  Jarra|Vaso Vidrio|Velocidades|Pica Hielo|Cuchillas / Copo|Jarra Vidro|Velocidades|Tritura Gelo|Lâminas /
  {1,2}.{2,5,7} Litros|{450,500,600,800,1000} W / {1,2}.{2,5,7} Litros|{450,500,600,800,1000}w|{127,220}v
COFFEE_MAKERS: Cafetera|Cafetera Express|Cafetera Eléctrica|Máquina Café / Cafeteira|Cafeteira Elétrica|
  Cafeteira Expresso|Máquina De Café / Express|Filtro|Cápsulas|Espresso|Jarra|15 Bares / Expresso|Filtro|Cápsulas|
  Jarra|15 Bar|Xícaras / {1,2}.{2,5,8} Litros|{6,12,20,30} Tazas|{800,850,1050} W / {1,2}.{2,5,8} Litros|
  {15,20,30} Xícaras|{800,850,1050}w
ELECTRIC_KETTLES: Pava Eléctrica|Pava|Hervidor|Jarra Eléctrica / Chaleira Elétrica|Chaleira|Jarra Elétrica|Fervedor /
  Corte Mate|Mate|Jarra|Corte Automático|Te / Chá|Jarra|Desligamento Automático|Água|Chimarrão / 1.{5,7,8} Litros|
  {1500,1800,2200} W / 1.{5,7,8} Litros|{1500,1800,2200}w|{127,220}v
ELECTRIC_OVENS: Horno Eléctrico|Horno|Horno De Mesa|Hornito / Forno Elétrico|Forno|Forno De Bancada|Forninho / Grill|
  Timer|Anafe|Convección|Doble Vidrio / Grill|Timer|Dourador|Convecção|Bancada / {30,38,42,46,60} Litros|
  {1300,1500,1800} W / {30,36,44,46,60} Litros|{1300,1500,1800}w|{127,220}v
FRYING_PANS: Sartén|Sarten|Sartén Teflón|Wok / Frigideira|Frigideira Teflon|Wok|Omeleteira / Teflón|Cerámica|
  Mango Madera|Panquequera|Inducción / Teflon|Cerâmica|Cabo Baquelite|Tampa|Indução / {18,20,22,24,26,28,30} Cm|
  {2,3,5} Piezas / {18,20,22,24,26,28,30}cm|{2,3,5} Peças
KITCHEN_KNIVES: Cuchillo|Cuchillos|Set Cuchillos|Cuchilla / Faca|Facas|Jogo De Facas|Cutelo / Chef|Asado|Serrucho|
  Taco|Mango Hueso / Chef|Churrasco|Serrilhada|Cepo|Desossar / {5,6,7,8,10} Pulgadas|{4,6,8,12} Piezas /
  {5,6,7,8,10} Polegadas|{4,6,8,12} Peças
# textiles
BED_SHEETS: Sábanas|Juego De Sábanas|Sabana|Sabanas / Lençol|Jogo De Cama|Jogo De Lençol|Lençóis / Ajustable|
  Con Elástico|Fundas|Percal|Satén / Elástico|Fronhas|Percal|Cetim|4 Peças / {1,2} Plazas|1 1/2 Plaza|2 1/2 Plazas|
  King|Queen|Twin / Casal|Solteiro|Queen|King|{3,4} Peças
BLANKETS: Manta|Frazada|Cubrecama|Acolchado / Cobertor|Manta|Edredom|Colcha / Polar|Corderito|Flannel|Pie De Cama|
  Piel / Soft|Sherpa|Flannel|Peseira|Microfibra Dupla / {1,2} Plazas|2 1/2 Plazas|{150,180,220} X 240|King / Casal|
  Solteiro|Queen|1,80 X 2,20
CURTAINS: Cortina|Cortinas|Cortina Blackout|Cortinas Ambiente / Cortina|Cortinas|Cortina Blackout|Persiana / Blackout|
  Voile|Argollas|Baño|Roller / Blackout|Voil|Ilhós|Varão|Rolô / {1,2}.{40,50,80} X 2.{10,20,30}|{2,3} Paños /
  {2,3},{00,20,60,80} X {1,2},{50,80}|2 Folhas
CUSHIONS: Almohadón|Almohadones|Funda Almohadón|Almohada / Almofada|Almofadas|Capa De Almofada|Travesseiro / Relleno|
  Con Cierre|Decorativo|Tusor|Sillón / Enchimento|Com Zíper|Decorativa|Suede|Sofá / {40,45,50} X {40,45,50}|X{2,4,6} /
  {40,45,50}x{40,45,50}|{2,4,6} Unidades
TOWELS: Toalla|Toallas|Toallón|Juego Toalla Y Toallon / Toalha|Toalhas|Jogo De Toalhas|Toalha De Banho / Baño|
  Secado Rápido|500 Gr|Mano|Playa / Banho|Rosto|Felpuda|Praia|Gigante / {70,80} X {130,140,150}|{360,400,500} Gr|
  X{2,4,6} / {70,80} X {130,140,150}|{380,420,500}g|{2,4,5} Peças
MATTRESSES: Colchón|Colchon|Colchón Espuma|Sommier / Colchão|Colchao|Colchão Espuma|Cama Box / Espuma|Alta Densidad|
  Resortes|Pillow Top|Y Sommier / Espuma|D33|Molas Ensacadas|Pillow Top|Box / {80,100,140,160} X {190,200}|
  {1,2} Plazas|2 1/2 Plazas / {88,138,158,193} X {188,198}|Casal|Solteiro|Queen
# furniture
CHAIRS: Silla|Sillas|Silla Eames|Banqueta / Cadeira|Cadeiras|Cadeira Eames|Banqueta / Respaldo|Plástica|Apilable|
  Gamer|Giratoria / Encosto|Plástica|Empilhável|Gamer|Giratória / X{2,4,6} Unidades|X{2,4,6} / {2,4,6} Unidades|
  Kit {2,4,6}
TABLES: Mesa|Mesa Comedor|Mesa Ratona|Mesita / Mesa|Mesa De Jantar|Mesa De Centro|Mesinha / Redonda|Extensible|Ratona|
  Con Sillas|Plegable / Redonda|Extensível|Lateral|Com Cadeiras|Dobrável
SOFAS: Sillón|Sofa|Sofá Cama|Futón / Sofá|Sofá Cama|Sofá Retrátil|Poltrona / Esquinero|Chenille|Cama|Ecocuero|
  Placa Soft / Retrátil|Suede|Reclinável|Chaise|Canto / {1,2,3} Cuerpos|{2,2,3}.{00,10,30} Mts|1 Plaza /
  {2,3,4} Lugares|{1,2},{80,90,30}m
DESKS: Escritorio|Escritorio Pc|Mesa Escritorio|Mesa Pc / Escrivaninha|Mesa Escritório|Mesa Computador|
  Escrivaninha Mesa / Cajones|Con Estante|Gamer|Home Office|Notebook / Gavetas|Com Prateleira|Gamer|Home Office|
  Notebook
BOOKCASES: Biblioteca|Estantería|Repisa|Estante / Estante|Prateleira|Nicho|Estante Livros / Estantes|Libros|Flotante|
  Organizador|De Pared / Prateleiras|Livros|Flutuante|Organizador|Parede
# auto
BRAKE_PADS: Pastillas De Freno|Pastilla Freno|Pastillas Freno|Juego Pastillas / Pastilha De Freio|Pastilha Freio|
  Pastilhas|Jogo Pastilha / Freno|Cerámicas|Con Sensor|Sin Ruido / Freio|Cerâmica|Com Sensor|Ate|Sem Ruído
BRAKE_DISCS: Disco De Freno|Discos Freno|Disco|Discos Delanteros / Disco De Freio|Disco Freio|Discos|Par Disco /
  Freno|Ventilado|Rayados|Perforado|Con Pastillas / Freio|Ventilado|Sólido|Frisado|Com Pastilhas
SHOCK_ABSORBERS: Amortiguador|Amortiguadores|Kit Amortiguadores|Cazoleta Amortiguador / Amortecedor|Amortecedores|
  Kit Amortecedor|Par Amortecedor / Presurizado|Suspensión|Gas|Con Espirales|Hidráulico / Pressurizado|Suspensão|Gás|
  Com Mola|Batente
CAR_OIL_FILTERS: Filtro De Aceite|Filtro Aceite|Kit Filtros|Filtro / Filtro De Óleo|Filtro Óleo|Kit Filtros|Filtro /
  Aceite|Motor|Aire Y Combustible|Service|Elemento / Óleo|Motor|Ar E Combustível|Revisão|Cabine
HEADLIGHTS: Óptica|Faro|Optica Delantera|Faro Auxiliar / Farol|Farol Dianteiro|Farol De Milha|Lanterna / Led|H4|
  Antiniebla|Lampara|Fondo Negro / Led|H4|Neblina|Lâmpada|Máscara Negra
CAR_SEAT_COVERS: Funda Asiento|Fundas Cubre Asiento|Cubreasientos|Funda Auto / Capa Banco|Capa De Banco|
  Capas Para Banco|Capa Carro / Cuerina|Cubre Asiento|Universal|Neoprene|Apoyacabezas / Couro|Courvin|Universal|
  Corino|Encosto De Cabeça
TIRES: Cubierta|Neumático|Neumaticos|Llanta / Pneu|Pneus|Par Pneus|Roda / Cubiertas|H|T|Balanceo|Colocación Gratis /
  Remold|Aro|H|T|Alinhamento / {165,175,185,195,205,225}/{45,50,55,60,65,70} R{13-17}|R{13-17} /
  {165,175,185,195,205,225}/{45,50,55,60,65,70} R{13-17}|Aro {13-17}
# tools
DRILLS: Taladro|Taladro Percutor|Taladro Inalámbrico|Atornillador Taladro / Furadeira|Furadeira De Impacto|
  Furadeira Parafusadeira|Martelete / Percutor|Mandril|Mechas|Rotomartillo|Atornillador / Impacto|Mandril|Brocas|
  Martelete|Parafusadeira
ANGLE_GRINDERS: Amoladora|Amoladora Angular|Esmeril|Mini Amoladora / Esmerilhadeira|Esmerilhadeira Angular|Lixadeira|
  Esmeril / Angular|Disco De Corte|4 1/2|Pulidora|11000 Rpm / Angular|Disco De Corte|4 1/2|Politriz|11000 Rpm
SCREWDRIVERS: Destornillador|Destornilladores|Atornillador|Set Destornilladores / Chave De Fenda|Chave Phillips|
  Parafusadeira|Jogo De Chaves / Puntas|Phillips|Torx|Precisión|Imantado / Pontas|Phillips|Torx|Precisão|Imantada
JIGSAWS: Sierra Caladora|Caladora|Sierra|Sierra Sin Fin / Serra Tico Tico|Tico-tico|Serra|Serra Circular / Hojas|
  Caladora|Pendular|Corte|Circular / Lâminas|Tico Tico|Pendular|Corte|Circular
# baby
BABY_STROLLERS: Cochecito|Coche|Coche Bebé|Cuna Paseo / Carrinho|Carrinho De Bebê|Carrinho Passeio|Berço / Paraguitas|
  Travel System|Reversible|Jogger|Con Huevito / Travel System|Guarda Chuva|Reversível|Berço|Com Bebê Conforto /
  Hasta {15,18,22} Kg|{0,6} A {36,48} Meses / Até {15,18,22}kg|{0,6} A {36,48} Meses
BABY_CAR_SEATS: Butaca|Butaca Auto|Silla Auto|Huevito / Cadeirinha|Cadeira Para Auto|Bebê Conforto|Assento / Isofix|
  Auto|Booster|Base|Reclinable / Isofix|Carro|Booster|Base|Elevação / {0,9,15} A {13,18,25,36} Kg|Grupo {0,1,2,3} /
  {0,9,15} A {13,18,25,36}kg|Grupo {0,1,2,3}
BABY_BOTTLES: Mamadera|Mamaderas|Biberón|Set Mamaderas / Mamadeira|Mamadeiras|Copo|Kit Mamadeira / Tetina|Anticólicos|
  Vidrio|Flujo Lento|Vaso / Bico|Anticólica|Vidro|Fluxo Lento|Silicone / {125,150,240,260,330} Ml|{0,3,6} Meses|
  X{2,3} / {125,150,240,260,330}ml|{0,3,6} Meses|{2,3} Unidades
DIAPERS: Pañales|Pañal|Pañales Bebé|Pack Pañales / Fralda|Fraldas|Fralda Descartável|Pacote Fraldas / Hiperpack|
  Ajuste|Descartables|De Agua|Ecológico / Mega|Roupinha|Descartável|De Pano|Noturna / Talle {P,M,G,Xg,Xxg}|
  {Rn,P,M,G,Xg,Xxg} X {20,36,48,60,80,100}|X {36,48,60,80,100} Unidades / Tam {P,M,G,Xg,Xxg}|
  {P,M,G,Xg} {36,48,60,80,100} Unidades
# toys
DOLLS: Muñeca|Muñecas|Muñeca Bebé|Bebote / Boneca|Bonecas|Boneca Bebê|Bebê Reborn / Articulada|Reborn|Vestido|Casa|
  Pelo Largo / Articulada|Reborn|Vestido|Casa|Cabelo / {20,30,35,40,50,55} Cm|{3,4,5} Años / {20,30,35,40,50,55}cm|
  {3,4,5} Anos
TOY_CARS: Auto|Autito|Auto De Colección|Pista Autos / Carrinho|Carro Miniatura|Carrinho Controle|Pista Carrinhos /
  Metal|Escala|A Control Remoto|Pull Back|Fricción / Metal|Miniatura|Controle Remoto|Fricção|Escala /
  1:{18,24,32,36,43,64}|X{3,5,10} / 1:{18,24,32,36,43,64}|{3,5,10} Peças
BOARD_GAMES: Juego De Mesa|Juego|Juegos De Mesa|Ajedrez / Jogo De Tabuleiro|Jogo|Jogos De Mesa|Xadrez / Tablero|
  Estrategia|Preguntas|Dados|Fichas / Tabuleiro|Estratégia|Perguntas|Dados|Peões / {2,4,6,8} Jugadores|{6-12} Años /
  {2,4,6,8} Jogadores|{6-12} Anos
PUZZLES: Rompecabezas|Puzzle|Rompecabeza|Puzzle 3d / Quebra-cabeça|Puzzle|Quebra Cabeça|Puzzle 3d / Piezas|Encastre|
  Paisaje|Panorama|Mapa / Peças|Encaixe|Paisagem|Panorama|Mapa / {24,48,100,240,500,1000,1500,2000,3000} Piezas /
  {24,48,100,200,500,1000,1500,2000,3000} Peças
# beauty
PERFUMES: Perfume|Perfumes|Eau De Parfum|Colonia / Perfume|Perfumes|Eau De Toilette|Colônia / Edt|Edp|Fragancia|Spray|
  Tester / Edt|Edp|Fragrância|Spray|Decant / {30,50,75,80,100,125,200} Ml / {30,50,75,80,100,125,200}ml
LIPSTICKS: Labial|Lápiz Labial|Labiales|Brillo Labial / Batom|Batom Líquido|Batons|Gloss / Líquido|Labios|Indeleble|
  Cremoso|Nude / Líquido|Lábios|Cremoso|24h|Nude / N° {1-60}|{3,4,5} Gr|Tono {10-99} / Cor {1-60}|{3,4,5}g
NAIL_POLISH: Esmalte|Esmaltes|Esmalte Uñas|Semipermanente / Esmalte|Esmaltes|Esmalte Unhas|Esmalte Em Gel / Uñas|
  Semipermanente|Gel Uv|Secado Rápido|Manicura / Unhas|Em Gel|Uv|Secagem Rápida|Manicure / N° {1-60}|{8,10,12,15} Ml /
  Cor {1-60}|{8,10,12,15}ml
SHAMPOOS: Shampoo|Shampoo Y Acondicionador|Champú|Kit Shampoo / Shampoo|Shampoo E Condicionador|Kit Shampoo|
  Condicionador / Acondicionador|Caspa|Sin Sal|Keratina|Rulos / Condicionador|Anticaspa|Sem Sal|Queratina|Cachos /
  {250,300,400,750,1000} Ml|X {400,750} / {250,300,400,500}ml|1 Litro
HAIR_DRYERS: Secador|Secador De Pelo|Secador Pelo|Cepillo Secador / Secador|Secador De Cabelo|Secador Cabelo|
  Escova Secadora / Iónico|Difusor|Aire Frío|Turbo|Motor Ac / Íons|Difusor|Ar Frio|Turbo|Motor Ac /
  {1600,1800,2000,2200,2400} W / {1700,1900,2000,2200}w|{127,220}v
HAIR_STRAIGHTENERS: Planchita|Plancha De Pelo|Planchita Pelo|Cepillo Alisador / Prancha|Chapinha|Prancha Cabelo|
  Escova Alisadora / Titanio|Cerámica|Alisado|Placas|230 Grados / Titânio|Cerâmica|Alisamento|Placas|230 Graus /
  {200,210,230} °c|{25,28,32} Mm / {200,210,230}°c|{450,480}°f|Bivolt
# music
ACOUSTIC_GUITARS: Guitarra|Guitarra Criolla|Guitarra Acústica|Guitarra Clásica / Violão|Violao|Violão Acústico|
  Violão Clássico / Criolla|Clásica|Acústica|Caja|Cedro / Clássico|Folk|Acústico|Cedro|Flat / {3/4,4/4}|
  {36,38,39,41} Pulgadas|{6,12} Cuerdas / {3/4,4/4}|{6,7,12} Cordas
ELECTRIC_GUITARS: Guitarra Eléctrica|Guitarra|Guitarra Electrica|Bajo / Guitarra|Guitarra Elétrica|Guitarra Strato|
  Contrabaixo / Humbucker|Con Amplificador|Palanca|Hss|Micrófonos / Humbucker|Com Amplificador|Ponte|Hss|Captadores /
  {6,7} Cuerdas|{21,22,24} Trastes / {6,7} Cordas|{21,22,24} Trastes
GUITAR_STRINGS: Cuerdas|Encordado|Encordado Guitarra|Cuerdas Guitarra / Cordas|Encordoamento|Corda Violão|
  Encordoamento Guitarra / Para Guitarra|Encordado|Calibre|Bronce|Tensión Media / Para Violão|Jogo|Calibre|Bronze|
  Tensão Média / 0{09,10,11,12}|0{09,10,11}-0{42,46,52} / 0{09,10,11,12}|0{09,10,11}-0{42,46,52}
DRUMSTICKS: Palillos|Baquetas|Palillos Batería|Par Palillos / Baqueta|Baquetas|Par Baquetas|Baqueta Bateria / Batería|
  Hickory|Punta Nylon|Escobillas|Arce / Bateria|Hickory|Ponta Nylon|Vassourinha|Marfim / {2,5,7}{a,b}|X{3,6} Pares /
  {2,5,7}{a,b}|{3,6} Pares
# sports
BICYCLES: Bicicleta|Bici|Bicicleta Mountain Bike|Bicicletas / Bicicleta|Bike|Bicicleta Aro|Bicicletas / Freno A Disco|
  Shimano|Suspensión|Playera|Plegable / Freio A Disco|Shimano|Suspensão|Dobrável|Infantil Rodinhas /
  Rodado {16,20,24,26,29}|{18,21,24,27} Velocidades|R{26,29} / Aro {16,20,24,26,29}|{18,21,24,27} Marchas
BICYCLE_HELMETS: Casco|Casco Bicicleta|Casco Ciclismo|Casco Bici / Capacete|Capacete Bike|Capacete Ciclismo|
  Capacete Bicicleta / Bici|Regulable|Visera|Luz Trasera|Rollers / Bike|Regulagem|Viseira|Luz Traseira|Skate /
  Talle {S,M,L}|{54,55,58}-{60,61,62} Cm / Tam {P,M,G}|{54,55,58}-{60,61,62}cm
DUMBBELLS: Mancuerna|Mancuernas|Pesas|Par Mancuernas / Halter|Halteres|Peso|Par Halteres / Fundición|Discos|Crossfit|
  Musculación|Vinilo / Ferro|Anilhas|Crossfit|Musculação|Emborrachado / {1,2,3,5,10} Kg|2 X {2,3,5} Kg /
  {1,2,3,5,10}kg|2 X {2,3,5}kg
FOOTBALLS: Pelota|Pelota Futbol|Balón|Pelotas / Bola|Bola Futebol|Bola De Futebol|Bola Futsal / Futbol|Cosida|
  Papi Futbol|Inflada|Mundial / Futebol|Campo|Society|Costurada|Copa / N° {3,4,5}|Nro {4,5} / Nº {3,4,5}|Tamanho {4,5}
BACKPACKS: Mochila|Mochilas|Mochila Escolar|Mochila Notebook / Mochila|Mochilas|Mochila Escolar|Mochila Notebook /
  Escolar|Porta Notebook|Antirrobo|Trekking|Carrito / Escolar|Porta Notebook|Antifurto|Trilha|Rodinhas /
  {15,20,25,30,40,60} Litros|{14,15.6,17} Pulgadas / {15,20,25,30,40,60} Litros|{14,15.6,17} Polegadas
# pets
DOG_FOOD: Alimento Perro|Alimento Para Perros|Alimento|Balanceado / Ração|Ração Cães|Ração Para Cachorro|
  Ração Cachorro / Perro|Perros|Mordida|Cachorro|Raza Mediana / Cães|Cachorro|Cão|Porte Médio|Raça Média / {1,3,7} Kg|
  {15,20,21,22} Kg|X {15,20} Kg / {1,3,7}kg|{10,15,20,25}kg
CAT_FOOD: Alimento Gato|Alimento Para Gatos|Alimento|Pouch / Ração Gato|Ração Para Gatos|Ração|Sachê / Gato|Gatos|
  Gatito|Bolas De Pelo|Lata / Gato|Gatos|Felino|Bolas De Pelo|Lata / {1,3} Kg|{7.5,10} Kg|X 85 Gr|X 340 Gr / {1,3}kg|
  {7.5,10}kg|85g
DOG_BEDS: Cucha|Cama Perro|Colchoneta|Moisés / Cama|Caminha|Casinha|Cama Pet / Perro|Gato|Lavable|Abrigada|Térmica /
  Cachorro|Gato|Lavável|Impermeável|Almofada / {50,60,70,80,90} Cm|Talle {1-4} / {50,60,70,80,90}cm|Tam {P,M,G,Gg}
# accessories
WRISTWATCHES: Reloj|Relojes|Reloj Pulsera|Reloj Hombre / Relógio|Relogio|Relógio De Pulso|Relógio Masculino /
  Analógico|Malla|Cronógrafo|Sumergible|Cuarzo / Analógico|Pulseira|Cronógrafo|À Prova D'água|Quartz /
  {28,32,36,38,40,42,44} Mm|{30,50,100} Metros / {28,32,36,38,40,42,44}mm|{30,50,100}m
SUNGLASSES: Anteojos De Sol|Lentes De Sol|Anteojos|Gafas / Óculos De Sol|Óculos|Oculos|Oculos Escuros / Sol|Uv400|
  Polarizados|Espejados|Marco / Sol|Uv400|Espelhado|Armação|Gatinho / {50,52,54,55,58,60,62} Mm /
  {50,52,54,55,58,60,62}mm
NECKLACES: Collar|Cadena|Gargantilla|Collares / Colar|Corrente|Gargantilha|Cordão / Dije|Cadena|Eslabones|Choker|
  Medalla / Pingente|Corrente|Elos|Choker|Medalha / {40,42,45,50,60,70} Cm|{2,3,4,5} Mm / {40,42,45,50,60,70}cm|
  {2,3,4}mm
EARRINGS: Aros|Aritos|Pendientes|Aros Abridores / Brinco|Brincos|Argola|Par Brincos / Abridores|Argollas|Colgantes|
  Strass|Perla / Argolas|Pressão|Zircônia|Strass|Pérola / X{2,3,6,12} Pares|{6,8,10,12,20,30} Mm / {2,3,6,12} Pares|
  {6,8,10,20,30}mm
# appliances
AIR_CONDITIONERS: Aire Acondicionado|Aire|Aire Acondicionado Split|Split / Ar Condicionado|Ar-condicionado|
  Ar Condicionado Split|Split / Frigorias|Ventana|Instalación|Portátil|Gas R410 / Btus|Janela|Instalação|Portátil|
  Hi Wall / {2250,2300,2600,3000,3500,4500,5500} Frigorias|{2600,3200,3500,5000,6400} W /
  {7500,9000,12000,18000,22000,30000} Btus
WASHING_MACHINES: Lavarropas|Lavarropa|Lavadora|Lavarropas Automático / Máquina De Lavar|Lavadora|Lavadora De Roupas|
  Tanquinho / Carga Frontal|Rpm|Carga Superior|Secado|Programas / Roupas|Abertura Superior|Lava E Seca|Centrífuga|
  Programas / {6,6.5,7,8,9,10} Kg|{800,1000,1200,1400} Rpm / {8,10,11,12,13,15}kg|{127,220}v
REFRIGERATORS: Heladera|Heladera Con Freezer|Freezer|Refrigerador / Geladeira|Refrigerador|Freezer|Frigobar /
  No Frost|Con Freezer|Cíclica|Dispenser|Bajo Mesada / Frost Free|Duplex|Degelo|Dispenser|Inverse /
  {277,300,320,350,364,400,450} Litros|{300,350,400} Lts / {240,300,340,375,400,450} Litros|{127,220}v
MICROWAVES: Microondas|Horno Microondas|Micro Ondas|Microonda / Micro-ondas|Microondas|Forno Microondas|Micro Ondas /
  Grill|Plato Giratorio|Descongelado|Botonera|Blanco / Grill|Prato Giratório|Descongelar|Painel|Espelhado /
  {17,20,23,25,28,30,32} Litros|{700,800,900,1000} W / {20,21,25,30,31,32,34} Litros|{127,220}v
FANS: Ventilador|Ventilador De Pie|Turbo Ventilador|Ventilador Techo / Ventilador|Ventilador De Mesa|
  Ventilador De Coluna|Circulador / Aspas|Techo|Pared|Oscilante|Industrial / Pás|Teto|Parede|Oscilante|Mesa /
  {14,16,18,20,24,30} Pulgadas|{50,65,70,90,100} W / {30,40,50,60}cm|{127,220}v|{3,6,8} Pás
HEATERS: Estufa|Calefactor|Caloventor|Estufa Eléctrica / Aquecedor|Aquecedor Elétrico|Termoventilador|
  Aquecedor Ambiente / Cuarzo|Tiro Balanceado|Halógena|Panel|Gas / Quartzo|Óleo|Halógeno|Cerâmico|Gás /
  {800,1000,1200,1500,2000} W|{2500,3000,4000,5000} Kcal|{2000,2500,3800} Calorías / {1000,1200,1500,2000}w|{127,220}v
"""
