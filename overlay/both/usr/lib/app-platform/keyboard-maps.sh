# shellcheck shell=sh
# Finds the file name of a keyboard map from the name that a person types.

KEYBOARD_MAPS=/usr/share/keymaps/i386

# Prints the names of all maps for PC keyboards, one per line.
keyboard_maps() {
	find "$KEYBOARD_MAPS" -name include -prune -o -name '*map.gz' -print |
		sed 's,.*/,,; s/\.k*map\.gz$//' | LC_ALL=C sort
}

# keyboard_map_of NAME: prints the map for a map name, file name, country, language or locale
# (de_CH.UTF-8); fails if there is none.
keyboard_map_of() (
	name=${1##*/}
	name=${name%.gz}
	name=${name%.map}
	name=${name%.kmap}
	maps=$(keyboard_maps)
	lower=$(echo "$name" | tr '[:upper:]' '[:lower:]')
	locale=$(echo "${lower%%.*}" | tr ' -' '__')
	for candidate in "$name" "$lower" $(maps_known_as "$locale"); do
		# Ignores case: FR_CH.
		echo "$maps" | grep -ixF -- "$candidate" | head -n 1 | grep . && return 0
	done
	return 1
)

# maps_known_as NAME: prints maps for a country, language or locale, the best one first. The base systems
# have different ones. Some maps without "latin1" lack umlauts.
maps_known_as() {
	case $1 in
	ch | sg | swiss | swiss_german | switzerland | de_ch | ch_de | schweiz | it_ch | li | de_li) echo de_CH-latin1 sg-latin1 ;;
	fr_ch | ch_fr | swiss_french | suisse) echo fr_CH-latin1 fr_CH ;;
	at | austria | de_at | german | germany | deutsch | de_de | de_lu) echo de-latin1 de ;;
	de_latin1_nodeadkeys | de_nodeadkeys) echo de-latin1-nodeadkeys de ;;
	gb | en_gb | british | england | en_uk | en_ie | ie) echo uk ;;
	en | en_us | english | american | usa) echo us ;;
	us_intl | us_international | us_acentos) echo us-intl us-acentos us-intl.iso15 us-intl.iso01 ;;
	french | france | fr_fr | fr_lu) echo fr fr-latin9 fr-latin1 ;;
	be | belgian | belgium | fr_be | nl_be | de_be) echo be-latin1 ;;
	italian | italy | it_it) echo it ;;
	spanish | spain | es_es) echo es ;;
	la | latam | es_mx | es_ar | mx) echo la-latin1 ;;
	dutch | netherlands | nl_nl) echo nl ;;
	pt | portuguese | portugal | pt_pt) echo pt-latin1 pt-latin9 ;;
	br | brazil | brazilian | pt_br) echo br-abnt2 ;;
	danish | denmark | da | da_dk) echo dk-latin1 dk ;;
	norwegian | norway | nb | nb_no) echo no-latin1 no ;;
	se | swedish | sweden | sv | sv_se) echo se-latin1 sv-latin1 se-lat6 ;;
	finnish | finland | fi_fi) echo fi-latin1 'fi' ;;
	is | icelandic | is_is) echo is-latin1 ;;
	ee | estonian | et_ee) echo et ;;
	polish | poland | pl_pl) echo pl pl2 ;;
	cz | cs | czech | cs_cz) echo cz cz-lat2 ;;
	sk | slovak | sk_sk) echo sk-qwertz ;;
	hungarian | hungary | hu_hu) echo hu ;;
	si | sl | slovenian | sl_si) echo slovene ;;
	hr | croatian | hr_hr) echo croat ;;
	rs | serbian | sr_rs) echo sr sr-cy sr-latin ;;
	ro_ro | romanian) echo ro ro_std ;;
	bulgarian | bg_bg) echo bg bg_bds-utf8 ;;
	greek | greece | el | el_gr) echo gr ;;
	tr | turkish | tr_tr) echo trq trqu tr_q-latin5 ;;
	russian | ru_ru) echo ru ;;
	ukrainian | uk_ua) echo ua ua-utf ;;
	he | hebrew | he_il) echo hebrew il ;;
	jp | ja | japanese | ja_jp) echo jp106 ;;
	ca | canadian | fr_ca | en_ca) echo cf us ;;
	dvorak_us) echo dvorak ;;
	esac
}

# maps_like NAME: prints the names of maps that contain NAME or share its first two letters.
maps_like() {
	beginning=$(echo "$1" | sed 's/^\(..\).*/\1/')
	{
		keyboard_maps | grep -iF -- "$1" || true
		keyboard_maps | grep -i "^$beginning" || true
	} | awk '!seen[$0]++' | head -n 12 | tr '\n' ' ' | sed 's/ $//'
}
